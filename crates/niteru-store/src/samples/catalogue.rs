//! The sample photos: where each comes from, and what it must be.

/// A photo to try things with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its path under the samples folder, with `/`.
    pub file: &'static str,
    /// What it shows: the value of the metadata field `kind`.
    pub kind: &'static str,
    /// Who made it, or where it was published.
    pub source: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// sha256 of the file, in hexadecimal.
    pub sha256: &'static str,
    /// Its length.
    pub bytes: u64,
    pub(crate) origin: Origin,
}

/// Where in which package a sample lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file of this name in [`ALIBI_ARCHIVE`].
    Alibi(&'static str),
    /// A file of this name in [`SCIKIT_IMAGE_FOLDER`].
    ScikitImage(&'static str),
}

/// The archive of cats in the package `alibi`.
pub(crate) const ALIBI_ARCHIVE: &str = "alibi/data/cats.tar.gz";

/// The folder of photos in the package `scikit-image`.
pub(crate) const SCIKIT_IMAGE_FOLDER: &str = "skimage/data/";

/// All sample photos, those of one kind together.
pub const SAMPLES: &[Sample] = &[
    Sample {
        file: "cats/tabby.jpg",
        kind: "cat",
        source: "a public-domain photo from Flickr",
        licence: "public domain",
        sha256: "65f7cbb05d4f63012041058328db984f1205b7fdd3cbc856428a85d234827c9f",
        bytes: 26492,
        origin: Origin::Alibi("n02123045_281_tabby_cat.jpg"),
    },
    Sample {
        file: "cats/persian.jpg",
        kind: "cat",
        source: "a public-domain photo from Flickr",
        licence: "public domain",
        sha256: "e13da3938686c861bd50e08cf6c405b7202249af92eae8b82958367a7113d31b",
        bytes: 28299,
        origin: Origin::Alibi("n02123394_283_Persian_cat.jpg"),
    },
    Sample {
        file: "cats/siamese.jpg",
        kind: "cat",
        source: "a public-domain photo from Flickr",
        licence: "public domain",
        sha256: "8c4aae3589fcd9c8ca803f4507f0ca8121c8f8386313b076bfcd9de7c01eee4b",
        bytes: 28165,
        origin: Origin::Alibi("n02123597_284_Siamese_cat.jpg"),
    },
    Sample {
        file: "cats/egyptian.jpg",
        kind: "cat",
        source: "a public-domain photo from Flickr",
        licence: "public domain",
        sha256: "1db26f10dc26e0338bbafa1cbb8149b85024e6f3df956af926f39647a2e2a58a",
        bytes: 33962,
        origin: Origin::Alibi("n02124075_285_Egyptian_cat.jpg"),
    },
    Sample {
        file: "cats/chelsea.png",
        kind: "cat",
        source: "Stefan van der Walt",
        licence: "CC0-1.0",
        sha256: "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        bytes: 240512,
        origin: Origin::ScikitImage("chelsea.png"),
    },
    Sample {
        file: "motorcycles/left.png",
        kind: "motorcycle",
        source: "Middlebury 2014 stereo benchmark, left camera",
        licence: "none stated; part of scikit-image (BSD-3-Clause)",
        sha256: "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        bytes: 644701,
        origin: Origin::ScikitImage("motorcycle_left.png"),
    },
    Sample {
        file: "motorcycles/right.png",
        kind: "motorcycle",
        source: "Middlebury 2014 stereo benchmark, right camera",
        licence: "none stated; part of scikit-image (BSD-3-Clause)",
        sha256: "5fc913ae870e42a4b662314bc904d1786bcad8e2f0b9b67dba5a229406357797",
        bytes: 640373,
        origin: Origin::ScikitImage("motorcycle_right.png"),
    },
    Sample {
        file: "surfaces/brick.png",
        kind: "surface",
        source: "CC0Textures, Bricks25",
        licence: "CC0-1.0",
        sha256: "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        bytes: 106634,
        origin: Origin::ScikitImage("brick.png"),
    },
    Sample {
        file: "surfaces/grass.png",
        kind: "surface",
        source: "linolafett on DeviantArt",
        licence: "CC0-1.0",
        sha256: "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
        bytes: 217893,
        origin: Origin::ScikitImage("grass.png"),
    },
    Sample {
        file: "surfaces/gravel.png",
        kind: "surface",
        source: "CC0Textures, Gravel04",
        licence: "CC0-1.0",
        sha256: "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
        bytes: 194247,
        origin: Origin::ScikitImage("gravel.png"),
    },
    Sample {
        file: "documents/page.png",
        kind: "document",
        source: "a scanned page of scikit-image",
        licence: "none stated; part of scikit-image (BSD-3-Clause)",
        sha256: "341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3",
        bytes: 47679,
        origin: Origin::ScikitImage("page.png"),
    },
    Sample {
        file: "documents/text.png",
        kind: "document",
        source: "handwriting, photographed",
        licence: "public domain",
        sha256: "bd84aa3a6e3c9887850d45d606c96b2e59433fbef50338570b63c319e668e6d1",
        bytes: 42704,
        origin: Origin::ScikitImage("text.png"),
    },
    Sample {
        file: "sky/hubble-deep-field.jpg",
        kind: "sky",
        source: "NASA",
        licence: "public domain",
        sha256: "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        bytes: 527940,
        origin: Origin::ScikitImage("hubble_deep_field.jpg"),
    },
    Sample {
        file: "sky/rocket.jpg",
        kind: "sky",
        source: "SpaceX",
        licence: "public domain",
        sha256: "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        bytes: 112525,
        origin: Origin::ScikitImage("rocket.jpg"),
    },
    Sample {
        file: "things/coffee.png",
        kind: "thing",
        source: "Rachel Michetti",
        licence: "CC0-1.0",
        sha256: "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        bytes: 466706,
        origin: Origin::ScikitImage("coffee.png"),
    },
    Sample {
        file: "things/coins.png",
        kind: "thing",
        source: "Brooklyn Museum",
        licence: "no known copyright restrictions",
        sha256: "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
        bytes: 75825,
        origin: Origin::ScikitImage("coins.png"),
    },
    Sample {
        file: "people/astronaut.png",
        kind: "person",
        source: "NASA",
        licence: "public domain",
        sha256: "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        bytes: 791555,
        origin: Origin::ScikitImage("astronaut.png"),
    },
    Sample {
        file: "medicine/retina.jpg",
        kind: "medicine",
        source: "Wikimedia Commons, Häggström 2014",
        licence: "CC0-1.0",
        sha256: "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
        bytes: 269564,
        origin: Origin::ScikitImage("retina.jpg"),
    },
];
