//! What is told when the scores of recent photos have shifted as a whole.

use maud::{Markup, html};
use niteru_store::{Direction, Drift};

use crate::args::Language;

/// A warning for people.
pub(crate) struct DriftTold {
    pub(crate) heading: &'static str,
    /// What was seen, what is likely the cause, what to do.
    pub(crate) sentences: [String; 3],
}

impl DriftTold {
    pub(super) fn html(&self) -> Markup {
        html! {
            section.panel.short.warning role="note" {
                h3 { (self.heading) }
                @for sentence in &self.sentences { p { (sentence) } }
            }
        }
    }
}

/// `None` where nothing has shifted, or nothing can be said.
pub(crate) fn told_of_drift(language: Language, drift: &Drift) -> Option<DriftTold> {
    let (count, higher) = (drift.decisions, 100.0 * drift.superiority?);
    let sentences = match (language, drift.direction) {
        (_, Direction::None) => return None,
        (Language::En, Direction::Up) => [
            format!(
                "The last {count} photos as a whole score higher than good ones did in training: {higher:.0} of \
                 100 comparisons have the new one higher, 50 are usual. Single bad parts do not do that."
            ),
            "Likely causes: the camera has moved or is out of focus, a lamp was changed or is failing, the \
             lens is dirty, or it is a new lot or material. Or most of these parts are bad."
                .to_owned(),
            "Compare a photo of today with one of the training, and put camera, lamp and lens right. If \
             photos are to look like this from now on, train again with good ones of today."
                .to_owned(),
        ],
        (Language::En, Direction::Down) => [
            format!(
                "The last {count} photos as a whole score lower than good ones did in training: {higher:.0} of \
                 100 comparisons have the new one higher, 50 are usual."
            ),
            "Likely causes: the photos show less than they did, as they are out of focus, too bright or too \
             dark; or it is the same part again and again."
                .to_owned(),
            "Defects may pass meanwhile. Compare a photo of today with one of the training, and put camera, \
             lamp and lens right."
                .to_owned(),
        ],
        (Language::Ja, Direction::Up) => [
            format!(
                "直近 {count} 枚のスコアが、学習時の良品より全体に高くなっています。直近の画像と良品を 1 枚ずつ比べると、\
                 100 回のうち {higher:.0} 回は直近の画像のほうが高くなります（通常は 50 回程度）。一部に不良があるだけでは、\
                 このようにはなりません。"
            ),
            "考えられる原因: カメラの位置やピントのずれ、照明の交換や劣化、レンズの汚れ、ロットや材料の変更。\
             または、検査した部品の大半が不良である。"
                .to_owned(),
            "最近の画像と学習時の画像を見比べ、カメラ、照明、レンズを確認してください。今後もこの見え方で検査する場合は、\
             最近の良品の画像で学習し直してください。"
                .to_owned(),
        ],
        (Language::Ja, Direction::Down) => [
            format!(
                "直近 {count} 枚のスコアが、学習時の良品より全体に低くなっています。直近の画像と良品を 1 枚ずつ比べると、\
                 直近の画像のほうが高いのは 100 回のうち {higher:.0} 回だけです（通常は 50 回程度）。"
            ),
            "考えられる原因: ピントのずれや、明るすぎ・暗すぎで細部が写っていない。または、同じ部品を繰り返し撮影している。"
                .to_owned(),
            "このままでは不良を見逃すおそれがあります。最近の画像と学習時の画像を見比べ、カメラ、照明、レンズを\
             確認してください。"
                .to_owned(),
        ],
    };
    Some(DriftTold {
        heading: match language {
            Language::En => "The photos have changed as a whole",
            Language::Ja => "画像全体の傾向が変わっています",
        },
        sentences,
    })
}
