use std::sync::Arc;

use super::error::{ConditionError, Place};
use super::lex::{self, Sign, Token};
use super::value::{Value, fold};
use super::{Condition, Field, Literal, Order, Test};

/// Most characters of a condition.
pub const MAX_CHARS: usize = 65_536;

/// Most parentheses and `not`s around a test.
pub const MAX_DEPTH: usize = 50;

/// Most tests of fields in a condition.
pub const MAX_TESTS: usize = 200;

/// Most values in the lists of a condition.
pub const MAX_VALUES: usize = 5_000;

/// Gives the values that the query images have in a field, for `@query`; or why there are none.
pub type QueryValues<'a> = &'a dyn Fn(&str) -> Result<Vec<String>, String>;

const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "contains", "exists", "missing"];

/// Stands for the query images' own values.
const QUERY: &str = "@query";
const QUERY_IS_EQUAL: &str = "@query works with =, != and in";

impl Condition {
    /// Reads a condition.
    ///
    /// ```text
    /// condition = all { "or" all }
    /// all       = one { "and" one }
    /// one       = "not" one | "(" condition ")" | test
    /// test      = field sign literal                        sign: = != < <= > >=
    ///           | field [ "not" ] "in" "(" literal { "," literal } ")"
    ///           | field [ "not" ] "contains" text
    ///           | field ( "exists" | "missing" )
    /// ```
    ///
    /// Fields, literals and texts are words, or anything between `'` or `"`, where `\\`, `\'`, `\"`,
    /// `\n` and `\t` stand for a character. A word ends at white space, a sign, a comma, a
    /// parenthesis or a quote. A quoted literal is a text; after `<` `<=` `>` `>=`, where a text
    /// makes no sense, it is read as a word. Keywords may be in capitals.
    ///
    /// # Errors
    /// What is wrong, and at which character.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        Self::parse_for_query(text, &|_| Err("there is no query image here".into()))
    }

    /// Reads a condition in which `= @query`, `!= @query` and `in (@query)` stand for the values
    /// that the query images themselves have in that field.
    ///
    /// # Errors
    /// As [`Condition::parse`], and what `query` says where it has no values.
    pub fn parse_for_query(text: &str, query: QueryValues<'_>) -> Result<Self, ConditionError> {
        let chars = text.chars().count();
        let text: Arc<str> = text.into();
        if chars > MAX_CHARS {
            let reason =
                format!("a condition has at most {MAX_CHARS} characters, this has {chars}");
            return Err(Place::new(&text, MAX_CHARS).error(reason));
        }
        let mut parser = Parser {
            tokens: lex::tokens(&text)?,
            text,
            end: chars,
            next: 0,
            depth: 0,
            tests: 0,
            values: 0,
            query,
        };
        if parser.tokens.is_empty() {
            return Err(parser.error("the condition is empty"));
        }
        let condition = parser.condition()?;
        match parser.peek() {
            None => Ok(condition),
            Some(Token::Close) => Err(parser.error("no parenthesis is open here")),
            Some(_) => Err(parser.error(
                "expected and, or, or the end here; quote a text that has spaces or signs in it",
            )),
        }
    }
}

/// What is written where a literal must stand.
enum Written {
    Word(String),
    Quoted(String),
    Query,
}

struct Parser<'a> {
    text: Arc<str>,
    tokens: Vec<(Token, usize)>,
    /// Characters of the text.
    end: usize,
    next: usize,
    depth: usize,
    tests: usize,
    values: usize,
    query: QueryValues<'a>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    /// Where the next token stands, or the end of the text.
    fn place(&self) -> Place {
        let position = self.tokens.get(self.next).map_or(self.end, |(_, at)| *at);
        Place::new(&self.text, position)
    }

    fn error(&self, reason: impl Into<String>) -> ConditionError {
        self.place().error(reason)
    }

    fn takes(&mut self, expected: &Token) -> bool {
        let found = self.peek() == Some(expected);
        self.next += usize::from(found);
        found
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if is(word, keyword));
        self.next += usize::from(found);
        found
    }

    fn condition(&mut self) -> Result<Condition, ConditionError> {
        let first = self.all()?;
        let mut any = vec![first];
        while self.takes_keyword("or") {
            any.push(self.all()?);
        }
        Ok(joined(any, Condition::Or))
    }

    fn all(&mut self) -> Result<Condition, ConditionError> {
        let first = self.one()?;
        let mut all = vec![first];
        while self.takes_keyword("and") {
            all.push(self.one()?);
        }
        Ok(joined(all, Condition::And))
    }

    fn one(&mut self) -> Result<Condition, ConditionError> {
        let place = self.place();
        let negated = self.takes_keyword("not");
        if !negated && !self.takes(&Token::Open) {
            return self.test();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} parentheses and nots around each other");
            return Err(place.error(reason));
        }
        let inner = if negated {
            self.one()?.negated()
        } else {
            let inner = self.condition()?;
            self.close(&place)?;
            inner
        };
        self.depth -= 1;
        Ok(inner)
    }

    /// Takes the parenthesis that closes the one at `open`.
    fn close(&mut self, open: &Place) -> Result<(), ConditionError> {
        if self.takes(&Token::Close) {
            return Ok(());
        }
        match self.peek() {
            None => Err(open.error("this parenthesis is not closed")),
            Some(_) => Err(self.error(
                "expected and, or, or a closing parenthesis here; quote a text that has spaces or \
                 signs in it",
            )),
        }
    }

    fn test(&mut self) -> Result<Condition, ConditionError> {
        let place = self.place();
        self.tests += 1;
        if self.tests > MAX_TESTS {
            return Err(place.error(format!("a condition has at most {MAX_TESTS} tests")));
        }
        let field = self.field()?;
        let (test, negated) = self.test_of(&field)?;
        let condition = Condition::Field { field, test };
        Ok(if negated {
            condition.negated()
        } else {
            condition
        })
    }

    /// What stands after a field: the test, and whether its opposite is meant.
    fn test_of(&mut self, field: &Field) -> Result<(Test, bool), ConditionError> {
        if let Some(Token::Sign(sign)) = self.peek() {
            let sign = *sign;
            self.next += 1;
            return Ok((self.compared(field, sign)?, sign == Sign::NotEqual));
        }
        let negated = self.takes_keyword("not");
        if self.takes_keyword("in") {
            Ok((Test::In(self.list(field)?), negated))
        } else if self.takes_keyword("contains") {
            Ok((Test::Contains(self.part()?), negated))
        } else if !negated && self.takes_keyword("exists") {
            Ok((Test::Exists, false))
        } else if !negated && self.takes_keyword("missing") {
            Ok((Test::Exists, true))
        } else {
            Err(self.error(format!(
                "expected what to ask of {:?} here: = != < <= > >= in contains exists missing",
                field.name
            )))
        }
    }

    fn field(&mut self) -> Result<Field, ConditionError> {
        let place = self.place();
        let name = match self.peek() {
            Some(Token::Quoted(name)) if !name.is_empty() => name.clone(),
            Some(Token::Word(word)) if !is_keyword(word) => word.clone(),
            Some(Token::Word(word)) => {
                let reason = format!("expected a field here; quote {word:?} if that is its name");
                return Err(self.error(reason));
            }
            _ => return Err(self.error("expected a field here")),
        };
        self.next += 1;
        Ok(Field { name, place })
    }

    fn compared(&mut self, field: &Field, sign: Sign) -> Result<Test, ConditionError> {
        let order = match sign {
            Sign::Equal | Sign::NotEqual => {
                let literals = self.equals(field)?;
                return Ok(match <[Literal; 1]>::try_from(literals) {
                    Ok([literal]) => Test::Compare {
                        order: Order::Equal,
                        literal,
                    },
                    Err(literals) => Test::In(literals),
                });
            }
            Sign::Less => Order::Less,
            Sign::AtMost => Order::AtMost,
            Sign::Greater => Order::Greater,
            Sign::AtLeast => Order::AtLeast,
        };
        let literal = self.ordered()?;
        Ok(Test::Compare { order, literal })
    }

    fn list(&mut self, field: &Field) -> Result<Vec<Literal>, ConditionError> {
        let open = self.place();
        if !self.takes(&Token::Open) {
            return Err(self.error("expected a list such as (A, B) here"));
        }
        let mut literals = self.equals(field)?;
        while self.takes(&Token::Comma) {
            literals.extend(self.equals(field)?);
        }
        if self.takes(&Token::Close) {
            return Ok(literals);
        }
        match self.peek() {
            None => Err(open.error("this parenthesis is not closed")),
            Some(_) => Err(self.error(
                "expected a comma or a closing parenthesis here; quote a text that has spaces or \
                 signs in it",
            )),
        }
    }

    /// What stands after `=` or in a list: one literal, or the values that `@query` stands for.
    fn equals(&mut self, field: &Field) -> Result<Vec<Literal>, ConditionError> {
        let place = self.place();
        let values = match self.written()? {
            Written::Word(word) => {
                vec![Value::of_word(&word).map_err(|reason| place.error(reason))?]
            }
            Written::Quoted(text) => vec![Value::Text(text)],
            Written::Query => {
                let own = (self.query)(&field.name).map_err(|reason| place.error(reason))?;
                own.into_iter().map(Value::Text).collect()
            }
        };
        self.values += values.len();
        if self.values > MAX_VALUES {
            return Err(place.error(format!("a condition has at most {MAX_VALUES} values")));
        }
        let literal = |value| Literal {
            value,
            place: place.clone(),
        };
        Ok(values.into_iter().map(literal).collect())
    }

    /// What stands after a sign that orders: a number or a date.
    fn ordered(&mut self) -> Result<Literal, ConditionError> {
        let place = self.place();
        let value = match self.written()? {
            Written::Word(word) => Value::of_word(&word).map_err(|reason| place.error(reason))?,
            Written::Quoted(text) => Value::ordered(&text).unwrap_or(Value::Text(text)),
            Written::Query => return Err(place.error(QUERY_IS_EQUAL)),
        };
        match value {
            Value::Number(_) | Value::Date(_) => Ok(Literal { value, place }),
            Value::Text(_) | Value::Boolean(_) => Err(place.error(
                "expected a number such as 20 or a date such as 2026-01-31 here: texts have no order",
            )),
        }
    }

    /// What stands after `contains`: a text, whatever it looks like.
    fn part(&mut self) -> Result<String, ConditionError> {
        let place = self.place();
        match self.written()? {
            Written::Query => Err(place.error(QUERY_IS_EQUAL)),
            // Every text would contain it.
            Written::Word(text) | Written::Quoted(text) if fold(&text).is_empty() => {
                Err(place.error("expected a text that is not empty here"))
            }
            Written::Word(text) | Written::Quoted(text) => Ok(text),
        }
    }

    /// Takes what is written where a literal must stand.
    fn written(&mut self) -> Result<Written, ConditionError> {
        let written = match self.peek() {
            Some(Token::Quoted(text)) => Written::Quoted(text.clone()),
            Some(Token::Word(word)) if word == QUERY => Written::Query,
            Some(Token::Word(word)) if word.starts_with('@') => {
                let reason =
                    format!("there is no {word}, only {QUERY}; quote a text that starts with @");
                return Err(self.error(reason));
            }
            Some(Token::Word(word)) if is_keyword(word) => {
                let reason = format!("expected a value here; quote {word:?} if it is one");
                return Err(self.error(reason));
            }
            Some(Token::Word(word)) => Written::Word(word.clone()),
            _ => return Err(self.error("expected a value here")),
        };
        self.next += 1;
        Ok(written)
    }
}

/// One condition as it is, several joined.
fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| is(word, keyword))
}
