//! SQL functions: what metadata means is decided in one place, by `niteru_index::condition`.

use niteru_index::condition::{fold, instant, number};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error};

/// Makes the functions known to a connection:
///
/// - `niteru_number(value)`, `niteru_instant(value)`: what a metadata value is, or NULL;
/// - `niteru_contains(value, part)`: whether the folded value contains `part`, which is folded.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("niteru_number", 1, flags, |context| {
        Ok(number(text(context, 0)?))
    })?;
    connection.create_scalar_function("niteru_instant", 1, flags, |context| {
        Ok(instant(text(context, 0)?))
    })?;
    connection.create_scalar_function("niteru_contains", 2, flags, |context| {
        Ok(fold(text(context, 0)?).contains(text(context, 1)?))
    })
}

fn text<'c>(context: &'c Context<'_>, argument: usize) -> rusqlite::Result<&'c str> {
    let value = context.get_raw(argument).as_str();
    value.map_err(|error| Error::UserFunctionError(error.into()))
}
