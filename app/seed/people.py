"""Buyers: names, places, and the addresses that parcels go to. E-mail addresses reach nobody."""

from typing import Any

from app.seed.sowing import Sowing, of
from db.models import Customer, Store, SubscriptionStatus
from resolvers.contacts import NAMES

FIRST = (  # noqa: SIM905 - words read best as text
    "Ada Amara Amelia Anders Anika Aoife Arjun Astrid Beatriz Bilal Camille Carlos Chiara Chloe "
    "Daniel Daria Diego Elif Elena Emil Emma Ethan Farah Felix Fiona Freya Gabriel Grace Hana "
    "Hannah Hiroshi Hugo Ingrid Isaac Isabel Ivan Jakub James Jasmine Jonas Julia Kaito Karim "
    "Katya Kofi Lars Laura Leila Leo Liam Lucia Lukas Mads Maja Marco Maria Marta Mateo Maya "
    "Mehmet Mia Milan Mina Nadia Naomi Nikolai Nina Noah Nora Olga Oliver Omar Oscar Paula Pedro "
    "Priya Rafael Ravi Rosa Ruth Sami Samuel Sara Sofia Stefan Tara Theo Thomas Tomas Vera Victor "
    "Wei Yara Yuki Yusuf Zoe"
).split()
LAST = (  # noqa: SIM905 - words read best as text
    "Abbott Adeyemi Andersson Bakker Bauer Becker Bennett Bianchi Brennan Brown Campbell Carlsen "
    "Castillo Chen Clarke Cohen Costa Dahl Davies Dubois Eriksen Evans Fernandez Fischer Fleming "
    "Fontaine Garcia Greene Gupta Haas Hansen Hayes Hoffman Hughes Ibrahim Ito Jansen Johansson "
    "Kaplan Keller Khan Kim Kowalski Kumar Lambert Larsen Laurent Lee Lindqvist Lopez Mancini "
    "Marsh Martin Meyer Mitchell Moreau Morris Murphy Nakamura Nguyen Nielsen Novak Okafor Olsen "
    "Ortiz Park Patel Pereira Petrov Quinn Ramirez Reed Ricci Rossi Russo Salazar Sato Schmidt "
    "Schneider Shah Silva Singh Sorensen Stewart Suzuki Tanaka Taylor Thompson Torres Turner "
    "Vargas Virtanen Wagner Walsh Watson Weber Williams Wright Yamamoto Yilmaz Zhang Zimmermann"
).split()
STREETS = (  # noqa: SIM905 - words read best as text
    "Alder Lane|Bridge Street|Canal Road|Cedar Avenue|Chapel Hill|Church Street|Elm Street|"
    "Garden Row|Harbour Road|High Street|Hill Crest|King Street|Lake View|Linden Avenue|"
    "Maple Drive|Market Square|Meadow Lane|Mill Road|North Street|Oak Street|Orchard Way|"
    "Park Avenue|Queen Street|River Walk|Rose Terrace|Station Road|Summer Street|Willow Close"
).split("|")
SUBSCRIPTIONS = tuple(SubscriptionStatus)
# City, state, beginning of the postal code, country, calling code.
PLACES = (
    ("Portland", "OR", "972", "US", "+1 503"), ("Austin", "TX", "787", "US", "+1 512"),
    ("Chicago", "IL", "606", "US", "+1 312"), ("Seattle", "WA", "981", "US", "+1 206"),
    ("Brooklyn", "NY", "112", "US", "+1 718"), ("Denver", "CO", "802", "US", "+1 303"),
    ("Oakland", "CA", "946", "US", "+1 510"), ("Toronto", "ON", "M5V ", "CA", "+1 416"),
    ("Manchester", None, "M1 ", "GB", "+44 161"), ("Bristol", None, "BS1 ", "GB", "+44 117"),
    ("Berlin", None, "101", "DE", "+49 30"), ("Hamburg", None, "203", "DE", "+49 40"),
    ("Amsterdam", None, "101", "NL", "+31 20"), ("Copenhagen", None, "21", "DK", "+45 33"),
    ("Lyon", None, "690", "FR", "+33 4"), ("Lisbon", None, "11", "PT", "+351 21"),
    ("Stockholm", None, "114", "SE", "+46 8"), ("Melbourne", "VIC", "30", "AU", "+61 3"),
)  # fmt: skip


def customers(sowing: Sowing, store: Store, count: int, *, days: float) -> list[Customer]:
    """Buyers of a store who came over the last ``days``; their figures come with their orders."""
    return [_customer(sowing, store, number, days) for number in range(count)]


def _customer(sowing: Sowing, store: Store, number: int, days: float) -> Customer:
    first, last = sowing.pick(FIRST), sowing.pick(LAST)
    city, state, postal_code, country, calling_code = sowing.pick(PLACES)
    digits = sowing.rng.randint(10, 99)
    return sowing.rows.add(
        Customer(
            **of(store),
            first_name=first,
            last_name=last,
            email=f"{first}.{last}{number}@example.com".lower(),
            phone=f"{calling_code} 555 01{digits}" if sowing.chance(0.7) else None,
            address=f"{sowing.rng.randint(1, 240)} {sowing.pick(STREETS)}",
            city=city,
            state=state,
            postal_code=f"{postal_code}{digits}",
            country=country,
            currency=store.currency,
            subscription_status=sowing.pick(SUBSCRIPTIONS),
            created_at=sowing.between(sowing.ago(days=days), sowing.ago(days=1)),
        )
    )


def contact(customer: Customer) -> dict[str, Any]:
    """A customer as the contact of an order."""
    return {name: getattr(customer, name) for name in NAMES}


def author(customer: Customer) -> str:
    """The name of a reviewer in public, such as Ada L."""
    return f"{customer.first_name} {(customer.last_name or '')[:1]}."
