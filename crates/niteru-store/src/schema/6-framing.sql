-- Which part of an image an encoder sees; before there was a choice it was the square in the middle.
ALTER TABLE encoders ADD COLUMN framing TEXT NOT NULL DEFAULT 'centre';
