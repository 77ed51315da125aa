-- How a model's embeddings were computed, so that a collection goes on as it began. What was made
-- before this was known was made in f32 from images decoded in full.
ALTER TABLE encoders ADD COLUMN precision TEXT NOT NULL DEFAULT 'f32';
ALTER TABLE encoders ADD COLUMN exact_decode INTEGER NOT NULL DEFAULT 1 CHECK (exact_decode IN (0, 1));
