"""The words of the grammar: plain tuples, and the kinds of subject with what each of them does."""

from dataclasses import dataclass

# Names. Each list mixes many languages; which job, place or trait goes with a name is drawn at random.
SHE_NAMES = (
    "Ana", "Mary", "Aisha", "Mei", "Priya", "Sofia", "Emma", "Fatima", "Grace", "Ingrid", "Keiko",
    "Leila", "Maria", "Nadia", "Olga", "Rosa", "Sarah", "Yuki", "Zara", "Alice", "Anna", "Carmen",
    "Chloe", "Amara", "Elena", "Hana", "Julia", "Laura", "Lucy", "Nina", "Ruth", "Helen", "Joan", "Kate",
    "Linda", "Susan",
)  # fmt: skip
HE_NAMES = (
    "James", "John", "Omar", "Wei", "Raj", "Carlos", "Peter", "Hassan", "David", "Lars", "Kenji", "Ali",
    "Jose", "Ivan", "Kofi", "Paul", "Adam", "Hiro", "Tariq", "Thomas", "Mark", "Diego", "Hugo", "Emeka",
    "Luis", "Jin", "Felix", "Henry", "Jack", "Bruno", "Daniel", "Arthur", "George", "Tom", "Robert",
    "Bill",
)  # fmt: skip
EITHER_NAMES = (
    "Jesse", "Alex", "Sam", "Robin", "Kim", "Noor", "Jordan", "Charlie", "Ariel", "Sasha", "Morgan",
    "Casey",
)  # fmt: skip

KNOWN_SURNAMES = (
    "Smith", "Garcia", "Chen", "Khan", "Okafor", "Novak", "Silva", "Tanaka", "Jones", "Patel", "Kim",
    "Lopez", "Hassan", "Olsen", "Rossi", "Mensah", "Brown", "Nguyen", "Cohen", "Weber", "Singh", "Costa",
    "Ito", "Baker", "Diallo", "Popov", "Green", "Moreno", "Haddad", "Wood", "Petrov", "Ortiz", "Hill",
    "Sato", "Young", "Abbas",
)  # fmt: skip
HELD_OUT_SURNAMES = (
    "Vig", "Tormel", "Quaver", "Zebrin", "Holtag", "Fennick", "Drubo", "Kasp", "Welloz", "Marfid",
    "Ubrant", "Jolik", "Peshaw", "Gratz", "Nimbel", "Skovat", "Ruddy", "Cravo", "Yelkin", "Obrist",
    "Lupek", "Hazzard", "Vandrel", "Triff", "Bokun", "Sandoz", "Emlar", "Wicz", "Plomer", "Dashk",
    "Furlan", "Kreel", "Thaxto", "Gombi", "Zivan", "Molder", "Anskar", "Rivoq", "Chulem", "Berdow",
)  # fmt: skip
"""Surnames that training never sees: what the model does with them it does by copying."""

RELATIVES_HE = ("son", "brother", "father", "uncle", "nephew", "grandson", "grandfather", "cousin", "child")
RELATIVES_SHE = (
    "daughter", "sister", "mother", "aunt", "niece", "granddaughter", "grandmother", "cousin", "child",
)  # fmt: skip
NON_RELATIVES = (
    "colleague", "friend", "neighbour", "neighbor", "student", "teacher", "rival", "boss", "partner",
    "assistant", "guest", "employee", "client", "classmate",
)  # fmt: skip

JOBS = (
    "preacher", "teacher", "doctor", "nurse", "farmer", "baker", "singer", "painter", "writer", "judge",
    "lawyer", "pilot", "sailor", "poet", "cook", "dancer", "engineer", "scientist", "carpenter", "tailor",
    "gardener", "musician", "actor", "driver", "soldier", "merchant", "professor", "artist", "builder",
    "mayor", "programmer", "librarian", "priest", "reporter",
)  # fmt: skip
TRAITS = (
    "evangelical", "famous", "young", "old", "tall", "quiet", "kind", "clever", "rich", "poor", "retired",
    "brave", "American", "French", "Italian", "Indian", "Chinese", "African", "English", "strict",
    "gentle", "proud", "honest", "busy", "cheerful", "local", "well-known", "Irish", "careful", "modern",
)  # fmt: skip

CITIES = (
    "Paris", "London", "Lima", "Cairo", "Tokyo", "Rome", "Delhi", "Boston", "Berlin", "Lagos", "Madrid",
    "Oslo", "Sydney", "Chicago", "Nairobi", "Vienna", "Seoul", "Havana", "Dublin", "Athens", "New York",
    "Beijing", "Mexico City", "Toronto",
)  # fmt: skip
COUNTRIES = (
    "France", "Peru", "Egypt", "Japan", "Italy", "India", "Spain", "Germany", "Kenya", "China", "Brazil",
    "Canada", "Mexico", "Ireland", "Greece", "Nigeria",
)  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "pink", "white", "black", "orange", "purple", "brown", "grey",
    "gold",
)  # fmt: skip
FRUITS = (
    "apples", "oranges", "bananas", "pears", "grapes", "lemons", "plums", "cherries", "peaches", "melons",
    "figs", "mangoes", "strawberries", "limes",
)  # fmt: skip
VEGETABLES = ("carrots", "potatoes", "onions", "beans", "tomatoes", "peas", "cabbages", "peppers")
FOODS = (
    "bread", "milk", "cheese", "butter", "rice", "eggs", "fish", "meat", "sugar", "salt", "soup", "honey",
)  # fmt: skip
ANIMALS = (
    "cats", "dogs", "horses", "cows", "sheep", "goats", "ducks", "lions", "bears", "mice", "rabbits",
    "wolves",
)  # fmt: skip
TOOLS = ("hammers", "nails", "saws", "ropes", "knives", "brushes", "needles", "ladders")
INSTRUMENTS = ("piano", "violin", "guitar", "drums", "flute", "trumpet", "harp")
SUBJECT_MATTERS = (
    "history", "music", "physics", "law", "medicine", "art", "science", "mathematics", "poetry",
)  # fmt: skip
SPORTS = ("football", "tennis", "chess", "baseball", "golf", "hockey", "cards")
FEELINGS = ("happy", "sad", "angry", "tired", "afraid", "hungry", "lonely", "surprised", "calm", "sick")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip

GARMENTS = ("gown", "dress", "coat", "hat", "shirt", "scarf", "skirt", "jacket", "cap", "robe")
PATTERNS = ("dots", "stripes", "spots", "flowers", "stars", "buttons", "squares", "ribbons")
TOYS = ("kite", "boat", "balloon", "ball", "drum", "doll", "train", "swing", "bell", "puppet")
PARTS = ("string", "tail", "side", "edge", "top", "back", "end", "corner")
THINGS = (
    "book", "letter", "box", "table", "chair", "lamp", "key", "cup", "bag", "clock", "mirror", "picture",
    "basket", "bottle", "phone", "computer", "map", "candle", "blanket", "ring", "coin", "knife", "stick",
    "stone", "flag", "bed", "door", "window", "wall", "suitcase", "trophy", "cabinet", "gift", "drink",
    "cake", "pen", "car", "wheel", "umbrella", "glass",
)  # fmt: skip
PLACES = (
    "ship", "house", "garden", "river", "street", "school", "church", "market", "store", "park", "bridge",
    "hill", "forest", "beach", "field", "farm", "village", "town", "castle", "station", "kitchen",
    "library", "hospital", "office", "museum", "mountain", "lake", "road", "island", "tower", "room",
    "hotel", "mat", "roof", "gate", "tree", "fence", "harbor",
)  # fmt: skip
ADJECTIVES = (
    "big", "small", "old", "new", "little", "long", "short", "heavy", "bright", "dark", "strange",
    "beautiful", "broken", "empty", "clean", "dirty", "warm", "cold", "quick", "slow", "wooden", "silver",
    "golden", "soft", "good", "great", "lovely", "famous", "huge", "tiny",
)  # fmt: skip
PREPOSITIONS = (
    "on", "in", "near", "beside", "behind", "under", "by", "at", "with", "from", "next to", "in front of",
)  # fmt: skip
TIMES = (
    "yesterday", "last night", "in the morning", "every day", "last year", "at night", "today",
    "in the evening", "after lunch", "before dinner", "again", "at noon", "in the winter",
    "in the summer",
)  # fmt: skip
ADVERBS = (
    "quickly", "slowly", "quietly", "suddenly", "happily", "finally", "often", "never", "always",
    "softly",
)  # fmt: skip
PAST_VERBS = (
    "saw", "found", "took", "bought", "lost", "liked", "wanted", "made", "carried", "opened", "broke",
    "painted", "watched", "sold", "kept", "moved", "hid", "loved", "remembered", "cleaned", "held",
    "left", "brought", "needed",
)  # fmt: skip
BASE_VERBS = (
    "see", "find", "take", "buy", "like", "want", "make", "carry", "open", "break", "paint", "watch",
    "sell", "keep", "move", "hide", "love", "remember", "clean", "hold", "leave", "bring", "need", "know",
)  # fmt: skip
MODALS = ("can", "will", "could", "would", "must", "should", "did not", "do not", "cannot", "may")
MOVES = ("ran", "went", "moved", "hurried", "walked", "jumped", "came", "rushed", "raced", "turned")
SAYINGS = ("said", "asked", "cried", "whispered", "shouted", "replied", "answered")


@dataclass(frozen=True)
class Kind:
    """Subjects that behave alike: after a verb of motion comes `way`, and `acts` are what only they do."""

    nouns: tuple[str, ...]
    pronoun: str
    way: str
    goals: tuple[str, ...]
    acts: tuple[str, ...]


# Every kind goes its own `way`: only the subject tells the word after "ran", however far back it is.
KINDS = (
    Kind(("dog", "puppy", "hound"), "it", "after", ("the ball", "the stick", "its tail"),
         ("barked at the door", "chewed a bone", "growled at the stranger")),
    Kind(("cat", "kitten", "mouse"), "it", "under", ("the bed", "the chair", "the blanket"),
         ("slept in the sun", "sat on the mat", "licked its paws")),
    Kind(("bird", "eagle", "owl"), "it", "above", ("the clouds", "the trees", "its nest"),
         ("sang a song", "flew away", "spread its wings")),
    Kind(("horse", "cow", "goat"), "it", "across", ("the field", "the meadow", "the grass"),
         ("ate the hay", "kicked the fence", "drank some water")),
    Kind(("child", "boy", "girl"), "they", "into", ("the garden", "the playground", "the kitchen"),
         ("laughed at the joke", "played a game", "asked for a story")),
    Kind(("king", "queen", "prince"), "they", "towards", ("the throne", "the crown", "the palace"),
         ("ruled the land", "called the guards", "gave an order")),
    Kind(("sailor", "captain", "fisherman"), "they", "aboard", ("the boat", "the vessel", "the raft"),
         ("pulled the rope", "looked at the sea", "raised the anchor")),
    Kind(("thief", "robber", "spy"), "they", "away from", ("the police", "the bank", "the prison"),
         ("stole the money", "hid the gold", "told a lie")),
    Kind(("train", "engine", "bus"), "it", "through", ("the tunnel", "the city", "the valley"),
         ("stopped at the station", "blew its whistle", "was late")),
    Kind(("water", "rain", "mud"), "it", "down", ("the drain", "the pipe", "the stairs"),
         ("filled the bucket", "made the floor wet", "dried in the sun")),
    Kind(("woman", "man", "farmer"), "they", "to", ("the market", "the bank", "the bakery"),
         ("read the newspaper", "paid the bill", "cooked a meal")),
    Kind(("teacher", "student", "professor"), "they", "around", ("the classroom", "the desk", "the library"),
         ("wrote on the board", "answered the question", "read the lesson")),
    Kind(("doctor", "nurse", "patient"), "they", "along", ("the hall", "the ward", "the corridor"),
         ("took the medicine", "washed the wound", "talked about the illness")),
    Kind(("soldier", "knight", "guard"), "they", "against", ("the enemy", "the army", "the dragon"),
         ("drew a sword", "won the battle", "defended the castle")),
    Kind(("wind", "storm", "smoke"), "it", "over", ("the hills", "the roofs", "the ocean"),
         ("shook the windows", "covered the sky", "broke the branches")),
    Kind(("animal", "lion", "wolf"), "it", "out of", ("the cave", "the cage", "the forest"),
         ("roared at the moon", "hunted for food", "crossed the street")),
)  # fmt: skip

PLURAL_NOUNS = (
    "dogs", "birds", "keys", "books", "letters", "horses", "boys", "girls", "kings", "sailors", "trains",
    "farmers", "teachers", "doctors", "soldiers", "animals", "cars", "cups", "chairs", "pictures",
    "trees", "windows", "flowers", "students", "children", "people", "men", "women",
)  # fmt: skip
SINGULAR_NOUNS = (
    "dog", "bird", "key", "book", "letter", "horse", "boy", "girl", "king", "sailor", "train", "farmer",
    "teacher", "doctor", "soldier", "animal", "car", "cup", "chair", "picture", "tree", "window",
    "flower", "student", "child", "person", "man", "woman",
)  # fmt: skip
