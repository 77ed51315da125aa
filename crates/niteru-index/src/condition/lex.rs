use super::error::{ConditionError, Place};
use std::sync::Arc;

/// What a condition's text is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    Sign(Sign),
    Word(String),
    Quoted(String),
}

/// A comparison's sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Splits a text into tokens, each with the number of characters before it.
///
/// Full-width signs and the ideographic comma count as their ASCII forms, which is what a Japanese
/// keyboard gives.
pub(super) fn tokens(text: &Arc<str>) -> Result<Vec<(Token, usize)>, ConditionError> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        text,
        chars: &chars,
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek() {
        if c.is_whitespace() {
            lexer.at += 1;
            continue;
        }
        let start = lexer.at;
        tokens.push((lexer.token(c)?, start));
    }
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a Arc<str>,
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn token(&mut self, first: char) -> Result<Token, ConditionError> {
        match ascii(first) {
            '(' => Ok(self.one(Token::Open)),
            ')' => Ok(self.one(Token::Close)),
            ',' => Ok(self.one(Token::Comma)),
            '\'' | '"' => self.quoted(first),
            '=' | '!' | '<' | '>' | '≤' | '≥' => self.sign(),
            _ => Ok(self.word()),
        }
    }

    fn one(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn sign(&mut self) -> Result<Token, ConditionError> {
        let start = self.at;
        while self.peek().is_some_and(|c| "=!<>≤≥".contains(ascii(c))) {
            self.at += 1;
        }
        let written: String = self.chars[start..self.at]
            .iter()
            .map(|c| ascii(*c))
            .collect();
        let sign = match &*written {
            "=" => Sign::Equal,
            "!=" => Sign::NotEqual,
            "<" => Sign::Less,
            "<=" | "≤" => Sign::AtMost,
            ">" => Sign::Greater,
            ">=" | "≥" => Sign::AtLeast,
            "==" => return Err(self.error(start, "there is no ==; write =")),
            "<>" => return Err(self.error(start, "there is no <>; write !=")),
            "!" => return Err(self.error(start, "there is no !; write not, or !=")),
            _ => {
                let reason = format!("there is no {written}; there are = != < <= > >=");
                return Err(self.error(start, reason));
            }
        };
        Ok(Token::Sign(sign))
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        while self.peek().is_some_and(is_of_word) {
            self.at += 1;
        }
        Token::Word(self.chars[start..self.at].iter().collect())
    }

    fn quoted(&mut self, quote: char) -> Result<Token, ConditionError> {
        let start = self.at;
        let mut content = String::new();
        self.at += 1;
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == quote {
                return Ok(Token::Quoted(content));
            }
            content.push(if c == '\\' { self.escaped()? } else { c });
        }
        Err(self.error(start, format!("this {quote} is not closed")))
    }

    /// The character that the one after a backslash stands for.
    fn escaped(&mut self) -> Result<char, ConditionError> {
        let backslash = self.at - 1;
        let c = self.peek();
        self.at += 1;
        match c {
            Some(c @ ('\\' | '\'' | '"')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some(c) => Err(self.error(
                backslash,
                format!("there is no \\{c}; there are \\\\ \\' \\\" \\n \\t"),
            )),
            None => Err(self.error(backslash, "the text ends after this backslash")),
        }
    }

    fn error(&self, position: usize, reason: impl Into<String>) -> ConditionError {
        Place::new(self.text, position).error(reason)
    }
}

/// The ASCII form of a full-width sign; `≤` and `≥` in one form each.
fn ascii(c: char) -> char {
    match c {
        '（' => '(',
        '）' => ')',
        '，' | '、' => ',',
        '＝' => '=',
        '！' => '!',
        '＜' => '<',
        '＞' => '>',
        '≦' => '≤',
        '≧' => '≥',
        c => c,
    }
}

fn is_of_word(c: char) -> bool {
    !c.is_whitespace() && !"()=!<>≤≥,'\"".contains(ascii(c))
}
