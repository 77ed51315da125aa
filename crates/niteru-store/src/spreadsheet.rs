//! Files that are opened with spreadsheet programs.

/// A spreadsheet must not run what somebody put into a name. [`as_text`] reads it as it was.
pub(crate) fn no_formula(text: &str) -> String {
    let bare = text.trim_start_matches('\'');
    match is_formula(bare) && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// The text that was written so that a spreadsheet does not run it: without the `'` that was put before it.
///
/// What begins with several, and would be a formula behind them, was written with one more; so every text is read as it
/// was.
pub(crate) fn as_text(written: &str) -> &str {
    match written.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => written,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quote_goes_before_what_looks_like_a_formula() {
        let table = [
            ("'=1+1", "=1+1"),
            ("'-5 mm", "-5 mm"),
            ("'@home", "@home"),
            ("'\t=1", "\t=1"),
            ("'\r=1", "\r=1"),
            ("''=1+1", "'=1+1"),
            ("'''+a", "''+a"),
            ("'", "'"),
            ("'quoted'", "'quoted'"),
            ("''", "''"),
            ("=1", "=1"),
            ("-5", "-5"),
            ("", ""),
        ];
        for (written, text) in table {
            assert_eq!(as_text(written), text, "{written}");
        }
    }

    #[test]
    fn what_was_written_is_read_as_it_was() {
        let texts = [
            "=1+1", "'=1+1", "''=1", "-5", "'-5", "'", "''", "'a", "-5 mm", "'-5 mm", "", "lot",
        ];
        for text in texts {
            assert_eq!(as_text(&no_formula(text)), text);
        }
    }

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
