//! Files that are opened with spreadsheet programs.

/// A spreadsheet must not run what somebody put into a name.
pub(crate) fn no_formula(text: &str) -> String {
    let formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_numbers_stay() {
        for formula in ["=1+1", "+cmd", "-a", "@x", "\t=1", "\r=1"] {
            assert_eq!(no_formula(formula), format!("'{formula}"));
        }
        for text in ["", "lot 7", "-5", "+0.25", "a=b", "2026-11-28"] {
            assert_eq!(no_formula(text), text);
        }
    }
}
