//! Text in an SVG: what must be escaped, how wide it is, how it is shortened.

/// `text` as content or attribute of an XML 1.0 document.
///
/// Characters that XML cannot hold, and those that turn the direction of what follows (a known
/// trick to disguise file names), become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}')
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Estimated width of `text` in Roboto at `size` pixels, on the wide side. Exact widths would need
/// the viewer's fonts.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| em(c) * size).sum()
}

/// Advance widths in em: Latin classes measured in Roboto, full width for what is usually drawn
/// in a square.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.27,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '"' => 0.37,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.88,
        'A'..='Z' | '&' | '+' | '=' => 0.66,
        '\u{300}'..='\u{36f}' => 0.0,
        '\u{0}'..='\u{2ff}' => 0.56,
        // Half-width katakana.
        '\u{ff61}'..='\u{ff9f}' => 0.5,
        '\u{1100}'.. => 1.0,
        _ => 0.65,
    }
}

/// `text` within `room` pixels: whole, or with its middle replaced by an ellipsis. File names of
/// one part differ at the end as often as at the start, so both ends stay.
pub(crate) fn shorten(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let room = room - width("…", size);
    let chars: Vec<char> = text.chars().collect();
    let (mut head, mut tail, mut used) = (0, 0, 0.0);
    loop {
        // The tail is served first: it holds number and extension.
        let from_tail = tail <= head;
        let at = if from_tail {
            chars.len() - 1 - tail
        } else {
            head
        };
        let more = em(chars[at]) * size;
        if head + tail + 1 >= chars.len() || used + more > room {
            break;
        }
        used += more;
        if from_tail { tail += 1 } else { head += 1 }
    }
    let start: String = chars[..head].iter().collect();
    let end: String = chars[chars.len() - tail..].iter().collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        let cases = [
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"),
            ("line\nbreak\0nul", "line break\u{fffd}nul"),
            ("a\u{202e}gpj.exe", "a\u{fffd}gpj.exe"),
            ("部品_01.png", "部品_01.png"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn long_text_keeps_both_ends() {
        assert_eq!(shorten("short.png", 10.0, 100.0), "short.png");
        let long = "line-3_camera-2_bracket_2026-11-23_00017.png";
        let short = shorten(long, 10.0, 120.0);
        assert!(width(&short, 10.0) <= 120.0, "{short}");
        assert!(
            short.starts_with("line-") && short.ends_with("17.png"),
            "{short}"
        );
        assert!(width(&shorten("検査画像の長い名前その一.png", 10.0, 60.0), 10.0) <= 60.0);
        assert_eq!(shorten("abc", 10.0, 0.0), "…");
    }
}
