//! Model files and the networks that turn images and texts into embeddings.
