"""The words of the grammar: plain tuples, and kinds of subjects with their actions."""

from dataclasses import dataclass

# Names. Each list mixes many languages; which job, place or trait goes with a name is drawn at random.
SHE_NAMES = (
    "Ana", "Mary", "Aisha", "Mei", "Priya", "Sofia", "Emma", "Fatima", "Grace", "Ingrid", "Keiko", "Leila",
    "Maria", "Nadia", "Olga", "Rosa", "Sarah", "Yuki", "Zara", "Alice", "Anna", "Carmen", "Chloe", "Amara",
    "Elena", "Hana", "Julia", "Laura", "Lucy", "Nina", "Ruth", "Helen", "Joan", "Kate", "Linda", "Susan",
    "Jane", "Rachel", "Esther", "Diana", "Clara", "Elsa", "Freya", "Greta", "Hilda", "Irene", "Isabel",
    "Jasmine", "Judith", "Kavita", "Layla", "Lena", "Lila", "Lucia", "Margaret", "Marta", "Mina", "Mira",
    "Molly", "Monica", "Naomi", "Noura", "Paula", "Petra", "Rania", "Rebecca", "Sana", "Shira", "Simone",
    "Stella", "Teresa", "Uma", "Vera", "Wanda", "Yara", "Zainab", "Ann", "Dorothy", "Eve", "Martha",
)  # fmt: skip
HE_NAMES = (
    "James", "John", "Omar", "Wei", "Raj", "Carlos", "Peter", "Hassan", "David", "Lars", "Kenji", "Ali", "Jose",
    "Ivan", "Kofi", "Paul", "Adam", "Hiro", "Tariq", "Thomas", "Mark", "Diego", "Hugo", "Emeka", "Luis", "Jin",
    "Felix", "Henry", "Jack", "Bruno", "Daniel", "Arthur", "George", "Tom", "Robert", "Bill", "Michael",
    "William", "Joseph", "Richard", "Charles", "Edward", "Simon", "Martin", "Oscar", "Leo", "Max", "Noah",
    "Ethan", "Liam", "Samuel", "Benjamin", "Jacob", "Isaac", "Aaron", "Abdul", "Akira", "Amir", "Andre",
    "Anton", "Arjun", "Boris", "Chidi", "Dmitri", "Eric", "Farid", "Finn", "Hans", "Ibrahim", "Jamal", "Karim",
    "Kevin", "Manuel", "Marco", "Mateo", "Nikolai", "Oliver", "Pablo", "Stefan", "Yusuf",
)  # fmt: skip
EITHER_NAMES = (
    "Jesse", "Alex", "Sam", "Robin", "Kim", "Noor", "Jordan", "Charlie", "Ariel", "Sasha", "Morgan",
    "Casey",
)  # fmt: skip
FIRST_NAMES = SHE_NAMES + HE_NAMES + EITHER_NAMES

KNOWN_SURNAMES = (
    "Smith", "Garcia", "Chen", "Khan", "Okafor", "Novak", "Silva", "Tanaka", "Jones", "Patel", "Kim", "Lopez",
    "Hassan", "Olsen", "Rossi", "Mensah", "Brown", "Nguyen", "Cohen", "Weber", "Singh", "Costa", "Ito", "Baker",
    "Diallo", "Popov", "Green", "Moreno", "Haddad", "Wood", "Petrov", "Ortiz", "Hill", "Sato", "Young", "Abbas",
    "Adams", "Allen", "Ahmed", "Bauer", "Becker", "Bell", "Bianchi", "Campbell", "Carter", "Chavez", "Clark",
    "Cooper", "Cruz", "Davis", "Diaz", "Dubois", "Eze", "Fischer", "Fraser", "Gomez", "Gupta", "Hansen",
    "Hughes", "Ivanov", "Jackson", "Jensen", "Johansson", "Kaur", "Kelly", "Kowalski", "Kumar", "Lee", "Levy",
    "Martinez", "Meyer", "Miller", "Morales", "Murphy", "Nakamura", "Nielsen", "Osei", "Park", "Perez", "Ramos",
    "Reyes", "Romano", "Russo", "Schmidt", "Shah", "Sharma", "Suzuki", "Taylor", "Thompson", "Torres", "Usman",
    "Walker", "Wang", "White", "Wilson", "Wright", "Yamamoto", "Zhang",
)  # fmt: skip
HELD_OUT_SURNAMES = (
    "Vig", "Tormel", "Quaver", "Zebrin", "Holtag", "Fennick", "Drubo", "Kasp", "Welloz", "Marfid",
    "Ubrant", "Jolik", "Peshaw", "Gratz", "Nimbel", "Skovat", "Ruddy", "Cravo", "Yelkin", "Obrist",
    "Lupek", "Hazzard", "Vandrel", "Triff", "Bokun", "Sandoz", "Emlar", "Wicz", "Plomer", "Dashk",
    "Furlan", "Kreel", "Thaxto", "Gombi", "Zivan", "Molder", "Anskar", "Rivoq", "Chulem", "Berdow",
)  # fmt: skip
"""Surnames held out of training: the model can produce them only by copying."""

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
    "gardener", "musician", "actor", "driver", "soldier", "merchant", "professor", "artist", "builder", "mayor",
    "programmer", "librarian", "priest", "reporter", "architect", "astronomer", "banker", "barber",
    "blacksmith", "butcher", "chef", "chemist", "clerk", "coach", "composer", "dentist", "designer",
    "detective", "diplomat", "director", "editor", "electrician", "explorer", "firefighter", "florist",
    "geologist", "guide", "historian", "hunter", "inventor", "jeweler", "journalist", "juggler", "magician",
    "manager", "mechanic", "miller", "monk", "philosopher", "photographer", "physicist", "planner", "plumber",
    "politician", "postman", "printer", "sculptor", "secretary", "senator", "shepherd", "shoemaker", "surgeon",
    "translator", "waiter", "weaver", "zookeeper",
)  # fmt: skip
TRAITS = (
    "evangelical", "famous", "smart", "young", "old", "tall", "quiet", "kind", "clever", "rich", "poor", "retired",
    "brave", "American", "French", "Italian", "Indian", "Chinese", "African", "English", "strict", "gentle",
    "proud", "loyal", "busy", "cheerful", "local", "well-known", "Irish", "careful", "modern", "British",
    "German", "Spanish", "Russian", "Japanese", "Mexican", "Brazilian", "Egyptian", "Polish", "Turkish",
    "patient", "friendly", "lucky", "nervous", "polite", "respected", "shy", "sleepy", "wise", "curious",
    "skilled", "lazy", "talented", "generous", "stubborn", "humble", "funny", "serious", "gifted", "fearless",
)  # fmt: skip

CITIES = (
    "Paris", "London", "Lima", "Cairo", "Tokyo", "Rome", "Delhi", "Boston", "Berlin", "Lagos", "Madrid", "Oslo",
    "Sydney", "Chicago", "Nairobi", "Vienna", "Seoul", "Havana", "Dublin", "Athens", "New York", "Beijing",
    "Mexico City", "Toronto", "Lisbon", "Prague", "Warsaw", "Budapest", "Istanbul", "Moscow", "Mumbai",
    "Bangkok", "Manila", "Jakarta", "Accra", "Tunis", "Bogota", "Quito", "Santiago", "Montreal", "Denver",
    "Dallas", "Seattle", "Miami", "Houston", "Hamburg", "Munich", "Naples", "Venice", "Lyon", "Porto",
    "Seville", "Geneva", "Zurich", "Kyoto", "Osaka", "Hong Kong", "San Francisco", "Los Angeles", "Cape Town",
)  # fmt: skip
COUNTRIES = (
    "France", "Peru", "Egypt", "Japan", "Italy", "India", "Spain", "Germany", "Kenya", "China", "Brazil",
    "Canada", "Mexico", "Ireland", "Greece", "Nigeria", "Norway", "Sweden", "Poland", "Russia", "Turkey",
    "Chile", "Cuba", "Ghana", "Korea", "Vietnam", "Portugal", "Austria", "Morocco", "Iceland", "Finland",
    "Belgium", "Jordan", "Nepal", "Thailand", "Scotland", "Denmark", "Argentina", "Australia", "Ethiopia",
    "England", "America",
)  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "pink", "white", "black", "orange", "purple", "brown", "grey",
    "gold",
)  # fmt: skip
FRUITS = (
    "apples", "oranges", "bananas", "pears", "grapes", "lemons", "plums", "cherries", "peaches", "melons",
    "figs", "mangoes", "strawberries", "limes", "apricots", "dates", "olives", "pineapples", "blueberries",
    "raspberries", "papayas", "coconuts",
)  # fmt: skip
VEGETABLES = (
    "carrots", "potatoes", "onions", "beans", "tomatoes", "peas", "cabbages", "peppers", "beets", "radishes",
    "leeks", "mushrooms", "cucumbers", "pumpkins", "turnips", "lettuce",
)  # fmt: skip
FOODS = (
    "bread", "milk", "cheese", "butter", "rice", "eggs", "fish", "meat", "sugar", "salt", "soup", "honey",
    "pasta", "noodles", "tea", "coffee", "juice", "cream", "jam", "flour", "pepper", "chocolate", "oil", "corn",
)  # fmt: skip
ANIMALS = (
    "cats", "dogs", "horses", "cows", "sheep", "goats", "ducks", "lions", "bears", "mice", "rabbits", "wolves",
    "pigs", "birds", "foxes", "deer", "frogs", "snakes", "monkeys", "elephants", "tigers", "whales", "camels",
    "turtles", "geese", "owls",
)  # fmt: skip
TOOLS = (
    "hammers", "nails", "saws", "ropes", "knives", "brushes", "needles", "ladders", "axes", "shovels", "screws",
    "buckets", "wrenches", "drills", "rakes", "chisels",
)  # fmt: skip
INSTRUMENTS = (
    "piano", "violin", "guitar", "drums", "flute", "trumpet", "harp", "cello", "organ", "clarinet", "harmonica",
    "banjo", "oboe", "saxophone",
)  # fmt: skip
SUBJECT_MATTERS = (
    "history", "music", "physics", "law", "medicine", "art", "science", "mathematics", "poetry", "geography",
    "chemistry", "biology", "philosophy", "economics", "astronomy", "religion", "painting", "theater",
    "grammar", "logic", "geometry",
)  # fmt: skip
SPORTS = (
    "football", "tennis", "chess", "baseball", "golf", "hockey", "cards", "basketball", "soccer", "rugby",
    "volleyball", "cricket", "dominoes", "checkers", "poker",
)  # fmt: skip
FEELINGS = (
    "happy", "sad", "angry", "tired", "afraid", "hungry", "lonely", "surprised", "calm", "sick", "bored",
    "proud", "worried", "excited", "thirsty", "cold", "nervous", "jealous", "cheerful", "confused",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip

GARMENTS = (
    "gown", "dress", "coat", "hat", "shirt", "scarf", "skirt", "jacket", "cap", "robe", "blouse", "sweater",
    "tie", "vest", "belt", "glove", "shoe", "apron", "cloak", "sock",
)  # fmt: skip
PATTERNS = (
    "dots", "stripes", "spots", "flowers", "stars", "buttons", "squares", "ribbons", "lines", "circles",
    "hearts", "checks", "patches", "waves",
)  # fmt: skip
TOYS = (
    "kite", "boat", "balloon", "ball", "drum", "doll", "train", "swing", "bell", "puppet", "top", "robot",
    "wagon", "sled", "rocket", "truck", "whistle",
)  # fmt: skip
PARTS = ("string", "tail", "side", "edge", "top", "back", "end", "corner")
THINGS = (
    "book", "letter", "box", "table", "chair", "lamp", "key", "cup", "bag", "clock", "mirror", "picture",
    "basket", "bottle", "phone", "computer", "map", "candle", "blanket", "ring", "coin", "knife", "stick",
    "stone", "flag", "bed", "door", "window", "wall", "suitcase", "trophy", "cabinet", "gift", "drink", "cake",
    "pen", "car", "wheel", "umbrella", "glass", "paper", "newspaper", "magazine", "plate", "spoon", "fork",
    "bowl", "pot", "pan", "kettle", "towel", "pillow", "carpet", "curtain", "shelf", "drawer", "desk", "sofa",
    "bench", "stool", "ladder", "hammer", "rope", "nail", "bucket", "broom", "brush", "needle", "thread",
    "camera", "radio", "guitar", "piano", "violin", "ticket", "stamp", "envelope", "wallet", "purse",
    "necklace", "watch", "bracelet", "crown", "sword", "shield", "arrow", "torch", "barrel", "chest", "trunk",
    "backpack", "tent", "statue", "painting", "vase", "pencil", "notebook", "dictionary", "bicycle",
    "motorcycle", "tractor", "sandwich", "pie", "loaf", "pizza", "cookie", "apple", "feather", "shell", "rock",
    "leaf",
)  # fmt: skip
PLACES = (
    "ship", "house", "garden", "river", "street", "school", "church", "market", "store", "park", "bridge",
    "hill", "forest", "beach", "field", "farm", "village", "town", "castle", "station", "kitchen", "library",
    "hospital", "office", "museum", "mountain", "lake", "road", "island", "tower", "room", "hotel", "mat",
    "roof", "gate", "tree", "fence", "harbor", "palace", "temple", "tunnel", "airport", "bakery", "bank",
    "barn", "cafe", "canal", "cave", "cellar", "cemetery", "cliff", "corner", "court", "courtyard", "desert",
    "dock", "factory", "fountain", "garage", "gallery", "hall", "hut", "inn", "jungle", "lighthouse", "meadow",
    "mill", "mine", "monastery", "orchard", "pond", "pool", "port", "prison", "restaurant", "shore", "shop",
    "square", "stable", "stadium", "stairs", "studio", "swamp", "theater", "campus", "valley", "vineyard",
    "well", "yard", "zoo",
)  # fmt: skip
ADJECTIVES = (
    "big", "small", "old", "new", "little", "long", "short", "heavy", "bright", "dark", "strange", "beautiful",
    "broken", "empty", "clean", "dirty", "warm", "cold", "quick", "slow", "wooden", "silver", "golden", "soft",
    "good", "great", "lovely", "famous", "huge", "tiny", "round", "square", "flat", "wide", "narrow", "thick",
    "thin", "sharp", "smooth", "rough", "wet", "dry", "hot", "cool", "fresh", "ripe", "sweet", "bitter", "sour",
    "loud", "quiet", "fast", "rare", "common", "cheap", "expensive", "simple", "fancy", "plain", "shiny",
    "dusty", "rusty", "hidden", "lost", "secret", "magic", "ancient", "modern", "rich", "poor", "pretty",
    "ugly", "dangerous", "safe", "hard", "easy", "full", "light", "deep", "tall",
)  # fmt: skip
PREPOSITIONS = (
    "on", "in", "near", "beside", "behind", "under", "by", "at", "with", "from", "next to", "in front of",
    "above", "below", "inside", "around", "against", "close to",
)  # fmt: skip
TIMES = (
    "yesterday", "last night", "in the morning", "every day", "last year", "at night", "today",
    "in the evening", "after lunch", "before dinner", "again", "at noon", "in the winter", "in the summer",
    "this morning", "last week", "on Monday", "on Sunday", "two days ago", "a year ago", "before breakfast",
    "in the spring", "in the autumn", "all day", "every week", "at midnight", "long ago", "all night",
)  # fmt: skip
ADVERBS = (
    "quickly", "slowly", "quietly", "suddenly", "happily", "finally", "often", "never", "always", "softly",
    "carefully", "gently", "loudly", "proudly", "sadly", "secretly", "usually", "sometimes", "rarely",
    "angrily", "bravely", "calmly", "really", "soon", "once", "also", "even", "just",
)  # fmt: skip
PAST_VERBS = (
    "saw", "found", "took", "bought", "lost", "liked", "wanted", "made", "carried", "opened", "broke",
    "painted", "watched", "sold", "kept", "moved", "hid", "loved", "remembered", "cleaned", "held", "left",
    "brought", "needed", "borrowed", "built", "burned", "caught", "chose", "counted", "covered", "dropped",
    "drew", "fixed", "followed", "forgot", "gathered", "grabbed", "ignored", "imagined", "invented",
    "kicked", "lifted", "mentioned", "met", "noticed", "ordered", "packed", "picked", "placed", "pulled",
    "pushed", "reached", "received", "repaired", "returned", "saved", "shared", "shook", "sent", "showed",
    "stole", "studied", "threw", "touched", "tried", "used", "visited", "washed", "wore",
)  # fmt: skip
BASE_VERBS = (
    "see", "find", "take", "buy", "like", "want", "make", "carry", "open", "break", "paint", "watch", "sell",
    "keep", "move", "hide", "love", "remember", "clean", "hold", "leave", "bring", "need", "know", "borrow",
    "build", "burn", "catch", "choose", "count", "cover", "drop", "draw", "fix", "follow", "forget", "gather",
    "grab", "ignore", "imagine", "invent", "kick", "lift", "mention", "meet", "notice", "order", "pack",
    "pick", "place", "pull", "push", "reach", "receive", "repair", "return", "save", "share", "shake", "send",
    "show", "steal", "study", "throw", "touch", "try", "use", "visit", "wash", "wear",
)  # fmt: skip
PRESENT_VERBS = (
    "likes", "loves", "hates", "needs", "wants", "knows", "sees", "plays", "forgets", "remembers", "teaches",
    "misses", "helps", "follows", "hears",
)  # fmt: skip
DEEDS = (
    "fell", "stood up", "danced", "spoke", "smiled", "cried", "laughed", "slept", "waited", "worked", "dreamed",
    "sat down", "sang", "stopped", "started again", "came home", "went home", "got up", "grew up", "fell asleep",
    "arrived", "left", "listened", "talked", "died", "lived", "ate", "swam", "flew", "woke up", "won", "called",
    "hoped", "learned", "taught", "closed the door", "opened the door", "had a dream", "got a job", "made a plan",
    "told the truth", "looked away", "turned around", "knew the answer", "felt happy", "was born", "became rich",
    "lay down", "fought", "killed the dragon", "ran away", "paid", "cooked", "read", "wrote", "drank", "wished",
)  # fmt: skip
IDEAS = (
    "life", "love", "war", "time", "work", "money", "truth", "world", "weather", "language", "word", "story",
    "idea", "country", "job", "company", "government", "state", "heart", "face", "eye", "head", "hand", "star",
    "sun", "moon", "sky", "sea", "movie", "song", "name", "home", "family", "friend", "god", "God", "fear", "hope",
    "peace", "death", "dream", "question", "answer", "problem", "news", "game", "power", "health", "food", "air",
    "fire", "earth", "night", "day", "light", "plane", "city", "system", "model", "machine", "data", "meaning",
    "attention", "nature", "body", "mind", "voice", "future", "past", "party", "number", "line", "point", "plan",
)  # fmt: skip
QUANTITIES = (
    "each of the", "both", "many", "few", "most of the", "some", "several", "only two", "all of the", "none of the",
    "other", "these", "those", "any of the", "no", "half of the",
)  # fmt: skip
MODALS = ("can", "will", "could", "would", "must", "should", "did not", "do not", "cannot", "may")
MOVES = (
    "ran", "went", "moved", "hurried", "walked", "jumped", "came", "rushed", "raced", "turned", "marched",
    "galloped", "drifted", "wandered", "crept", "climbed", "swam", "flew",
)  # fmt: skip
SAYINGS = (
    "said", "cried", "whispered", "shouted", "replied", "answered", "announced", "explained",
    "muttered", "sang", "sighed", "yelled", "wrote", "repeated",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of subject: `way` follows its verbs of motion, and only this kind does its `acts`."""

    nouns: tuple[str, ...]
    pronoun: str
    way: str
    goals: tuple[str, ...]
    acts: tuple[str, ...]


# Every kind goes its own `way`: only the subject tells the word after "ran", however far back it is.
KINDS = (
    Kind(("dog", "puppy", "hound", "pig"), "it", "after", ("the ball", "the stick", "its tail"),
         ("barked at the door", "chewed a bone", "growled at the stranger")),
    Kind(("cat", "kitten", "mouse", "rabbit"), "it", "under", ("the bed", "the chair", "the blanket"),
         ("slept in the sun", "sat on the mat", "licked its paws")),
    Kind(("bird", "eagle", "owl", "bee"), "it", "above", ("the clouds", "the trees", "its nest"),
         ("sang a song", "flew away", "spread its wings")),
    Kind(("horse", "cow", "goat"), "it", "across", ("the field", "the meadow", "the grass"),
         ("ate the hay", "kicked the fence", "drank some water")),
    Kind(("child", "boy", "girl", "baby"), "they", "into", ("the garden", "the playground", "the kitchen"),
         ("laughed at the joke", "played a game", "asked for a story")),
    Kind(("king", "queen", "prince", "princess", "president"), "they", "towards",
         ("the throne", "the crown", "the palace"),
         ("ruled the land", "called the guards", "gave an order")),
    Kind(("sailor", "captain", "fisherman"), "they", "aboard", ("the boat", "the vessel", "the raft"),
         ("pulled the rope", "looked at the sea", "raised the anchor")),
    Kind(("thief", "robber", "spy"), "they", "away from", ("the police", "the bank", "the prison"),
         ("stole the money", "hid the gold", "told a lie")),
    Kind(("train", "engine", "bus"), "it", "through", ("the tunnel", "the city", "the valley"),
         ("stopped at the station", "blew its whistle", "was late")),
    Kind(("water", "rain", "mud", "snow"), "it", "down", ("the drain", "the pipe", "the stairs"),
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
    Kind(("animal", "lion", "wolf", "fox", "tiger", "bear"), "it", "out of", ("the cave", "the cage", "the forest"),
         ("roared at the moon", "hunted for food", "crossed the street")),
)  # fmt: skip

SINGULAR_PEOPLE = (
    "man", "woman", "person", "boy", "girl", "child", "friend", "king", "queen", "doctor", "nurse", "teacher",
    "student", "farmer", "sailor", "soldier", "writer", "painter", "judge", "pilot", "cook",
)  # fmt: skip
PLURAL_BEINGS = (
    "men", "women", "people", "boys", "girls", "children", "friends", "kings", "doctors", "nurses", "teachers",
    "students", "farmers", "sailors", "soldiers", "writers", "painters", "judges", "pilots", "cooks", "dogs",
    "cats", "horses", "birds", "animals",
)  # fmt: skip
PLURAL_NOUNS = (
    "dogs", "birds", "keys", "books", "letters", "horses", "boys", "girls", "kings", "sailors", "trains",
    "farmers", "teachers", "doctors", "soldiers", "animals", "cars", "cups", "chairs", "pictures", "trees",
    "windows", "flowers", "students", "children", "people", "men", "women", "cats", "lamps", "boxes", "ships",
    "houses", "painters", "nurses", "writers", "judges", "pilots", "cooks", "flags", "maps", "clocks",
    "bottles", "mirrors", "rings", "coins", "bridges", "towers", "gardens", "roads",
)  # fmt: skip
SINGULAR_NOUNS = (
    "dog", "bird", "key", "book", "letter", "horse", "boy", "girl", "king", "sailor", "train", "farmer",
    "teacher", "doctor", "soldier", "animal", "car", "cup", "chair", "picture", "tree", "window", "flower",
    "student", "child", "person", "man", "woman", "cat", "lamp", "box", "ship", "house", "painter", "nurse",
    "writer", "judge", "pilot", "cook", "flag", "map", "clock", "bottle", "mirror", "ring", "coin", "bridge",
    "tower", "garden", "road",
)  # fmt: skip


def every_word() -> list[str]:
    """Return every word of the training texts, sorted; phrases are split into words."""
    texts = [entry for name, value in globals().items() if name.isupper() for entry in value]
    for kind in KINDS:
        texts += [*kind.nouns, kind.way, *kind.goals, *kind.acts]
    found = {word for text in texts if isinstance(text, str) for word in text.split()}
    return sorted(found.difference(HELD_OUT_SURNAMES))
