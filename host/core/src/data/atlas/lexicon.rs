//! The words of the invented world.
//!
//! Every word here is one token of the Atlas tokenizer, so that a document of 64 tokens holds about
//! nine facts. Lists are long, so that an answer is hard to guess from its question.

/// A list of words.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Words {
    /// The words themselves, separated by spaces.
    Plain(&'static str),
    /// Beginnings and endings, each separated by spaces; every pair makes a word.
    Pairs(&'static str, &'static str),
}

impl Words {
    /// How many words there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Words::Plain(words) => words.split(' ').count(),
            Words::Pairs(first, second) => first.split(' ').count() * second.split(' ').count(),
        }
    }

    /// The word at an index, counted round the list.
    pub(crate) fn word(self, index: usize) -> String {
        let nth = |words: &'static str, index: usize| words.split(' ').nth(index).unwrap_or_default();
        let index = index % self.len();
        match self {
            Words::Plain(words) => nth(words, index).to_owned(),
            Words::Pairs(first, second) => {
                let seconds = second.split(' ').count();
                format!("{}{}", nth(first, index / seconds), nth(second, index % seconds))
            }
        }
    }

    /// All words in order.
    pub(crate) fn list(self) -> Vec<String> {
        (0..self.len()).map(|index| self.word(index)).collect()
    }
}

/// Professions.
pub(crate) const TRADES: Words = Words::Plain(
    "miller baker weaver potter tanner cooper mason carpenter glazier tailor cobbler brewer fisher shepherd \
     falconer gardener scribe printer bookbinder cartographer astronomer apothecary surgeon midwife herbalist \
     jeweller goldsmith blacksmith locksmith clockmaker shipwright sailor pilot ferryman merchant banker notary \
     judge herald minstrel dancer actor painter sculptor engraver dyer chandler beekeeper",
);

/// Animals whose names take the article "a".
pub(crate) const ANIMALS: Words = Words::Plain(
    "heron badger falcon raven swan stork crane fox wolf bear lynx marten beaver hare hedgehog squirrel deer boar \
     goat ram sheep horse mule camel tortoise lizard salamander newt toad frog snake viper trout salmon pike carp \
     sturgeon dolphin whale seal crab lobster beetle moth butterfly spider peacock pheasant",
);

/// Musical instruments.
pub(crate) const INSTRUMENTS: Words = Words::Plain(
    "lute harp flute fiddle viol cello drum tabor bagpipe trumpet cornet horn trombone bugle oboe bassoon clarinet \
     piccolo recorder organ harmonium accordion concertina zither dulcimer psaltery lyre sitar banjo mandolin \
     guitar ukulele xylophone marimba cymbal gong triangle tambourine whistle spinet",
);

/// Colours.
pub(crate) const COLOURS: Words = Words::Plain(
    "scarlet crimson vermilion maroon russet rust orange saffron ochre yellow lemon cream ivory white silver grey \
     slate charcoal black brown umber tan beige khaki olive green mint teal turquoise cyan azure blue navy indigo \
     violet purple mauve lilac magenta pink",
);

/// Things to eat.
pub(crate) const DISHES: Words = Words::Plain(
    "porridge dumplings pancakes noodles lentils stew broth chowder goulash curry pilaf risotto polenta gnocchi \
     ravioli lasagne pie pasty quiche omelette souffle custard pudding trifle gingerbread marzipan nougat fudge \
     honeycake shortbread biscuits waffles crumpets pickles sauerkraut kippers sardines oysters mussels haggis",
);

/// Gems and rocks.
pub(crate) const STONES: Words = Words::Plain(
    "ruby garnet carnelian jasper topaz citrine amber peridot emerald malachite jade beryl aquamarine sapphire \
     lapis amethyst opal pearl moonstone sunstone bloodstone obsidian onyx agate quartz zircon spinel tourmaline \
     diamond coral jet flint marble granite basalt porphyry alabaster gypsum chalk pumice",
);

/// Crops.
pub(crate) const CROPS: Words = Words::Plain(
    "wheat barley oats rye millet sorghum maize rice buckwheat flax hemp cotton hops grapes figs dates olives \
     lemons oranges cherries plums pears apples quinces apricots melons pumpkins marrows turnips carrots parsnips \
     radishes onions leeks garlic cabbages spinach beans peas mustard",
);

/// Fabrics.
pub(crate) const CLOTHS: Words = Words::Plain(
    "linen wool silk velvet satin damask brocade taffeta muslin calico gauze lace felt tweed flannel denim canvas \
     burlap sackcloth leather suede vellum parchment chintz corduroy gingham tartan worsted cashmere mohair angora \
     baize cambric crepe chiffon organza poplin serge twill sateen",
);

/// Trees and their wood.
pub(crate) const TREES: Words = Words::Plain(
    "oak ash elm beech birch alder willow poplar aspen rowan hazel hawthorn holly yew pine larch spruce fir cedar \
     cypress juniper maple sycamore chestnut walnut hickory pecan linden hornbeam laurel myrtle almond mulberry \
     acacia ebony mahogany teak rosewood sandalwood bamboo",
);

/// Flowers.
pub(crate) const FLOWERS: Words = Words::Plain(
    "rose lily tulip daisy poppy violetta iris lavender jasmine marigold primrose cowslip foxglove bluebell \
     snowdrop crocus daffodil hyacinth orchid lotus peony dahlia aster begonia camellia carnation chamomile clover \
     columbine cornflower edelweiss geranium gardenia gentian heather honeysuckle larkspur lupin magnolia pansy",
);

/// The first words of all names. Every kind shares them, so that each is seen often and a first
/// word alone names nothing.
pub(crate) const FIRST: Words = Words::Plain(
    "Amber Ash Aspen Autumn Basil Birch Briar Bright Cedar Clay Coral Crystal Dawn Ember Ever Fair Fern Flint Frost \
     Gale Garnet Glass Gold Gray Hazel Heath Heron Holly Hope Iris Iron Ivy Jade Jasper Juniper Lark Laurel Linden \
     Marble Marsh May Mist Noble Olive Opal Pearl Quill Rain Raven Reed River Robin Rose Rowan Ruby Sage Silver Sky \
     Star Stone Storm Summer Willow Winter",
);

/// The surnames of people.
pub(crate) const PERSON_SECOND: Words = Words::Plain(
    "Abery Brenow Corander Dulick Eskost Fenune Garard Holell Istery Jorow Kelander Lamick Mardost Nolune Ostard \
     Pelell Quenery Rallow Sorander Tavick Umbrost Velune Wexard Yorell",
);

/// The second words of places' names.
pub(crate) const PLACE_SECOND: Words =
    Words::Plain("Moor Ford Haven Ridge Vale Hill Bay Hall Port Wold Bridge Field Shore Brook Cliff Cross");

/// The second words of things' names.
pub(crate) const THING_SECOND: Words =
    Words::Plain("Compass Lantern Mirror Crown Sword Bell Clock Globe Mask Ring Key Lamp Loom Harp Banner Throne");

/// Invented languages.
pub(crate) const LANGUAGES: Words = Words::Pairs("Ost Tal Ur Ves Zen Quar", "ish ic an ese i een");

/// Invented rivers.
pub(crate) const RIVERS: Words = Words::Pairs("Am Bri Clo Dra Ew Flo", "nel wen sk dder the va");

/// Invented regions.
pub(crate) const REGIONS: Words = Words::Pairs("North South West Up Low Mid", "mark land vale reach shire lea");
