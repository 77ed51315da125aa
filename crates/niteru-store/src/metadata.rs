use serde::{Serialize, Serializer};

/// The metadata of one image, or of one inspection: field → value, in the order in which the collection's
/// fields first came. Values are text. JSON: one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(pub(crate) Vec<(String, String)>);

impl Metadata {
    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.iter()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value)
    }

    /// Fields with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
    }

    /// Number of fields that have a value.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no field has a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of a field that comes several times the last value counts. An empty value is none.
impl<F: Into<String>, V: Into<String>> FromIterator<(F, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (F, V)>>(values: I) -> Self {
        let mut metadata: Vec<(String, String)> = Vec::new();
        for (field, value) in values {
            let (field, value) = (field.into(), value.into());
            metadata.retain(|(other, _)| *other != field);
            if !value.is_empty() {
                metadata.push((field, value));
            }
        }
        Self(metadata)
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
