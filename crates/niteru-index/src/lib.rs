//! Vector indexes behind one trait.
