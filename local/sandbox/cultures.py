"""Name and address material of the people and companies in the sandbox; all of it is made up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Culture:
    """Where somebody lives. `phone` and `postal` hold `#` for digits; `street` holds `{n}` for the house number."""

    country: str
    currency: str
    phone: str
    postal: str
    street: str
    cities: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


# fmt: off
CULTURES = (
    Culture(
        "US", "USD", "+1 303 555 01##", "80###", "{n} Juniper Street",
        _words("Denver Boulder Aurora Fort_Collins Pueblo"),
        _words("Olivia Marcus Hannah Tyler Grace Darnell Megan Caleb Naomi Wesley Tessa Jordan"),
        _words("Carter Whitfield Brooks O'Neal Hayes Lindqvist-Moore Pruitt Navarro Ellison Tran Boyd Mercer"),
    ),
    Culture(
        "DE", "EUR", "+49 30 23125 ###", "10###", "Lindenallee {n}",
        _words("Berlin Potsdam Köln Düsseldorf Nürnberg"),
        _words("Jürgen Anneliese Matthias Käthe Björn Sabine Götz Friederike Uwe Mareike Tilman Ilse"),
        _words("Müller Weiß Schröder Kühn Hofmeister Strauß Vogt Krüger Lindner Böhm Ziegler Thoma"),
    ),
    Culture(
        "FR", "EUR", "+33 1 99 00 ## ##", "750##", "{n} rue des Tilleuls",
        _words("Paris Lyon Nîmes Besançon Orléans"),
        _words("Élodie Guillaume Zoé François Maëlle Thibault Inès Rémi Solène Loïc Aurélie Gaël"),
        _words("Lefèvre Dubois Béranger Marchand Garçon Rousselet Vasseur Chaumont Périer Lacroix Blanchet Duhamel"),
    ),
    Culture(
        "PL", "PLN", "+48 22 500 ## ##", "00-###", "ul. Brzozowa {n}",
        _words("Warszawa Łódź Kraków Gdańsk Wrocław"),
        _words("Łukasz Małgorzata Paweł Agnieszka Michał Żaneta Grzegorz Zofia Stanisław Kinga Radosław Iwona"),
        _words("Wiśniewski Zając Dąbrowska Kowalczyk Żurek Pietrzak Śliwa Górska Malinowski Wrona Jabłoński Sobczak"),
    ),
    Culture(
        "JP", "JPY", "+81 3 5550 ####", "10#-####", "{n} Sakura-dori",
        _words("Tokyo Osaka Kyoto Sapporo Fukuoka"),
        _words("Aiko Haruto Yui Kenji Sakura Daichi Miyu Ren Naoko Takumi Emi Hiroshi"),
        _words("Tanaka Kobayashi Suzuki Mori Fujiwara Ishikawa Nakamura Ueda Hayashi Okada Shimizu Endo"),
    ),
    Culture(
        "IN", "INR", "+91 22 5550 ####", "4000##", "{n} Ashoka Marg",
        _words("Mumbai Pune Nagpur Nashik Thane"),
        _words("Ananya Rohan Priya Arjun Kavita Vikram Meera Siddharth Lakshmi Imran Nandini Farhan"),
        _words("Sharma Iyer Deshpande Patel Chatterjee Reddy Qureshi Menon Kulkarni Banerjee Gill Rao"),
    ),
    Culture(
        "NG", "NGN", "+234 1 555 ####", "100###", "{n} Adeola Close",
        _words("Lagos Ibadan Abuja Enugu Abeokuta"),
        _words("Chinedu Ngozi Folake Tunde Amaka Ifeanyi Yetunde Musa Zainab Emeka Simisola Obinna"),
        _words("Okafor Adeyemi Balogun Eze Nwosu Ogunleye Abubakar Okonkwo Danjuma Afolabi Uche Bello"),
    ),
    Culture(
        "BR", "BRL", "+55 11 5550-####", "01###-###", "Rua das Acácias, {n}",
        _words("São_Paulo Campinas Santos Sorocaba Guarulhos"),
        _words("João Conceição Thaís Vinícius Letícia Otávio Antônia Caio Débora Márcio Lívia Raul"),
        _words("Araújo Gonçalves da_Silva Magalhães Teixeira Brandão Falcão Moreira Assunção Pires Queirós Leitão"),
    ),
    Culture(
        "GR", "EUR", "+30 21 0555 ####", "105 ##", "Οδός Ελιάς {n}",
        _words("Αθήνα Πάτρα Βόλος Λάρισα Χανιά"),
        _words("Ελένη Νίκος Μαρία Γιώργος Σοφία Κώστας Δήμητρα Πέτρος Ιωάννα Αλέξης Ζωή Στέλιος"),
        _words("Παπαδάκη Καραμάνος Βλάχου Δημητρίου Σταθάκης Μελάς Λάμπρου Ρήγας Κονδύλη Φωτίου Τσάκος Ξένου"),
    ),
    Culture(
        "SE", "SEK", "+46 8 465 00# ##", "11# ##", "Björkvägen {n}",
        _words("Stockholm Göteborg Malmö Umeå Örebro"),
        _words("Åsa Göran Linnéa Mårten Frida Håkan Saga Öyvind Ebba Torbjörn Maja Søren"),
        _words("Sjöberg Åkesson Lindström Nyström Hägg Ekdahl Wallin Östlund Blomqvist Norén Falk Ström"),
    ),
)
# fmt: on

COMPANY_FIRST = _words(
    "Northwind Alderbrook Sundvik Kestrel Bluefjord Halcyon Marigold Tamarind Ironbark Larkspur Osprey Quillon "
    "Redwater Saffron Thistle Umbra Verdant Willowby Zephyr Copperline Driftwood Emberly Foxglove Granite Harbourview"
)
COMPANY_SECOND = _words("Logistics Foods Analytics Energy Textiles Robotics Health Media Mobility Instruments")
COMPANY_LEGAL = _words("Ltd GmbH Inc SA AB KK Pvt BV")
INDUSTRIES = _words("Logistics Food Software Energy Fashion Manufacturing Healthcare Media Transport Research")
JOB_TITLES = (
    "Account Executive", "Buyer", "Chief Financial Officer", "Data Analyst", "Facilities Manager", "Head of Operations",
    "HR Partner", "IT Administrator", "Marketing Lead", "Procurement Manager", "Sales Director", "Software Engineer",
)  # fmt: skip
SOURCES = _words("website webinar referral trade_fair import partner")
TAGS = _words("vip newsletter churn-risk beta reseller renewal event-2024 press")

# Letters that do not come apart into an ASCII letter and an accent.
_FOLDED = {"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "đ": "d", "'": "", " ": "", "ς": "s"}
_GREEK = dict(
    zip("αβγδεζηθικλμνξοπρστυφχψω", "a v g d e z i th i k l m n x o p r s t y f ch ps o".split(), strict=True)
)
LETTERS = str.maketrans({**_FOLDED, **_GREEK})
