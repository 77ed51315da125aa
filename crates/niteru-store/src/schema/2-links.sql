-- Where `path` leads when symbolic links are on the way, as bytes like `path`; NULL: nowhere else.
-- With it, a file that is reached on several ways is one image.
ALTER TABLE images ADD COLUMN target BLOB;
CREATE INDEX images_by_target ON images (collection, target) WHERE target IS NOT NULL;
