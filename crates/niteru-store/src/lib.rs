//! The home: SQLite truth, collections, import and search.
