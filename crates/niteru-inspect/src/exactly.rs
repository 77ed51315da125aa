//! What exactly is wrong with a file, for programs: pages tell it in their own language.

use std::collections::BTreeMap;
use std::error::Error;

use niteru_encoder::EmbedError;
use niteru_imaging::DecodeError;
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of what is wrong, and the values that belong into its sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exactly {
    /// `file_damaged`, `image_too_large`, …
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// By their names: `{"format": "PNG"}`.
    #[schema(value_type = Object)]
    pub values: BTreeMap<&'static str, Figure>,
}

/// A value of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A number, such as of bytes.
    Number(u64),
    /// A name.
    Text(String),
}

impl Exactly {
    /// What is wrong with a picture's file; `None` where there is no more to say than the error does.
    pub fn of(error: &DecodeError) -> Option<Exactly> {
        use DecodeError as E;
        use Figure::{Number, Text};
        let format = |format: &str| vec![("format", Text(format.to_owned()))];
        let (kind, values) = match error.reason() {
            E::Io(_) => ("unreadable", Vec::new()),
            E::Empty => ("file_empty", Vec::new()),
            E::NotAnImage { .. } => ("not_an_image", Vec::new()),
            E::FileTooLarge { bytes, limit } => (
                "file_too_large",
                vec![("bytes", Number(*bytes)), ("most_bytes", Number(*limit))],
            ),
            E::TooMuchMemory { needed, limit } => (
                "image_needs_memory",
                vec![("bytes", Number(*needed)), ("most_bytes", Number(*limit))],
            ),
            E::TooLarge {
                width,
                height,
                max_side,
                max_pixels,
            } => (
                "image_too_large",
                vec![
                    ("width", Number((*width).into())),
                    ("height", Number((*height).into())),
                    ("side", Number((*max_side).into())),
                    ("pixels", Number(*max_pixels)),
                ],
            ),
            E::Truncated { format: of } => ("file_cut_off", format(of)),
            E::Corrupt { format: of, .. } => ("file_damaged", format(of)),
            E::Unsupported { what } => {
                // The sentence says that by itself, in its language.
                let what = what.strip_prefix("this kind of ").unwrap_or(what);
                ("image_unsupported", vec![("what", Text(what.to_owned()))])
            }
            _ => return None,
        };
        Some(Exactly {
            kind,
            values: values.into_iter().collect(),
        })
    }

    /// The same of the error's nearest cause that is about a picture's file.
    pub fn of_cause(error: &(dyn Error + 'static)) -> Option<Exactly> {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(decode) = error.downcast_ref() {
                return Exactly::of(decode);
            }
            // It stands for its cause, and does not name it as such.
            if let Some(EmbedError::Decode(decode)) = error.downcast_ref() {
                return Exactly::of(decode);
            }
            at = error.source();
        }
        None
    }
}
