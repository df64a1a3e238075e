"""Words that shops use: for events, for what became of an order, and for columns."""

import re
import unicodedata
from collections.abc import Iterable

# kind of event -> words for it, as `words` makes them
EVENTS = {
    "view": (
        "view", "views", "viewed", "pv", "detail", "product view", "product viewed", "viewed product", "view item",
        "item view", "view product", "product detail", "productview", "product detail view", "product page", "pdp",
    ),
    "cart": (
        "cart", "basket", "addtocart", "add to cart", "added to cart", "cart add", "add cart", "add to basket",
        "addtobasket", "product added", "added product", "atc",
    ),
    "remove_from_cart": (
        "remove from cart", "removefromcart", "removed from cart", "cart remove", "product removed",
        "removed product", "remove from basket",
    ),
    "purchase": (
        "purchase", "purchased", "buy", "bought", "order", "ordered", "transaction", "sale", "sold",
        "checkout completed", "order completed", "completed order", "order placed", "placed order",
        "ecommerce purchase", "compra", "venta", "kauf", "verkauf", "achat", "vente",
    ),
    "refund": (
        "refund", "refunded product", "return", "returned", "order refunded", "credit note", "chargeback", "retoure",
        "gutschrift", "remboursement", "devolucion",
    ),
}  # fmt: skip
# what became of an order: a purchase, or left out under this name
STATUSES = {
    "purchase": (
        "paid", "complete", "completed", "shipped", "delivered", "fulfilled", "processing", "approved", "invoiced",
        "captured", "succeeded", "success", "successful", "closed", "done", "bezahlt", "abgeschlossen",
        "versendet", "pagado", "paye", "livre", "enviado", "entregado",
    ),
    "cancelled": (
        "cancelled", "canceled", "cancel", "void", "voided", "storniert", "annule", "cancelado", "annulliert",
    ),
    "failed": ("failed", "failure", "declined", "rejected", "expired", "error", "blocked", "denied"),
    "pending": ("pending", "pending payment", "on hold", "unpaid", "awaiting payment", "new", "open", "offen"),
    "refunded": ("refunded", "refund", "partially refunded", "returned", "chargeback", "charged back"),
    "draft": ("draft", "test", "checkout draft", "trash", "quote"),
}  # fmt: skip
# events that are none of a shop's five
OTHER_EVENTS = (
    "page view", "pageview", "page viewed", "page", "screen view", "session start", "session end", "first visit",
    "login", "log in", "logout", "signup", "sign up", "register", "search", "scroll", "click", "identify",
    "view item list", "list view", "select item", "begin checkout", "checkout", "checkout started", "wishlist",
    "add to wishlist", "fav", "favorite", "favourite", "impression", "user engagement", "open", "email open",
    "share", "review", "rating", "home",
)  # fmt: skip

# what a column tells -> names for it, the likelier first; `words` of a name are looked up
COLUMNS = {
    "time": (
        "event time", "event timestamp", "timestamp", "occurred at", "created at", "order date", "ordered at",
        "order time", "purchase date", "purchase time", "purchased at", "invoice date", "transaction date",
        "sale date", "order created at", "created", "created on", "created date", "creation date", "date time",
        "datetime", "date added", "date created", "order timestamp", "order purchase timestamp", "event date",
        "date paid", "paid at", "processed at", "time", "date", "ts", "t", "day", "datum", "bestelldatum",
        "rechnungsdatum", "kaufdatum", "fecha", "fecha pedido", "data", "when",
    ),
    "type": (
        "event type", "event name", "event", "action", "action type", "activity", "behavior", "behavior type",
        "behaviour", "type", "interaction", "interaction type", "kind", "verb",
    ),
    "status": (
        "order status", "status", "financial status", "payment status", "state", "order state", "payment state",
        "bestellstatus", "estado", "statut", "zahlungsstatus",
    ),
    "user": (
        "customer unique id", "user id", "userid", "customer id", "customerid", "customer number", "customer no",
        "customer code", "client id", "clientid", "member id", "account id", "buyer id", "shopper id",
        "contact id", "person id", "profile id", "household key", "kundennummer", "kunden nr", "kundennr",
        "kunden id", "id cliente", "cliente id", "numero client", "user", "customer", "client", "buyer",
        "buyer username", "username", "user name", "member", "login", "card number", "loyalty id", "loyalty card",
        "kunde", "cliente", "usuario", "uid", "u", "customer key", "person",
    ),
    "email": (
        "email", "e mail", "customer email", "mail", "email address", "billing email", "email billing",
        "buyer email", "contact email", "user email", "e mail adresse", "correo", "courriel",
    ),
    "phone": ("phone", "phone number", "customer phone", "mobile", "telefon", "telephone", "telefono"),
    "device": (
        "visitor id", "visitorid", "anonymous id", "anonymousid", "device id", "cookie id", "client cookie",
        "user pseudo id", "fullvisitorid", "domain userid", "browser id", "guest id",
    ),
    "product": (
        "product id", "productid", "item id", "itemid", "sku", "product sku", "item sku", "lineitem sku",
        "variant id", "variant sku", "stock code", "stockcode", "article id", "article number", "article no",
        "asin", "ean", "upc", "gtin", "barcode", "product code", "item code", "item number", "artikelnummer",
        "artikelnr", "artikel nr", "listing id", "product number", "codigo", "referencia", "reference", "ref",
        "product", "item", "artikel", "articulo", "producto", "produit",
    ),
    "product name": (
        "product name", "item name", "lineitem name", "product title", "title", "description", "item title",
        "artikelname", "bezeichnung", "produktname", "nombre", "libelle",
    ),
    "session": ("session id", "sessionid", "user session", "session", "visit id", "visitid", "visit"),
    "order": (
        "order id", "orderid", "order number", "order no", "order", "order name", "invoice", "invoice no",
        "invoiceno", "invoice id", "invoice number", "transaction id", "transactionid", "basket id", "receipt",
        "receipt id", "receipt number", "bestellnummer", "bestellnr", "bestell nr", "rechnungsnummer", "pedido",
        "numero pedido", "commande", "sales order", "purchase id",
    ),
    "price": (
        "unit price", "unitprice", "price", "item price", "price each", "product price", "lineitem price",
        "item cost", "price per unit", "selling price", "sale price", "preis", "einzelpreis", "stueckpreis",
        "stuckpreis", "precio", "prix", "prix unitaire", "prezzo", "cena",
    ),
    "amount": (
        "amount", "total", "revenue", "value", "line total", "item total", "total price", "subtotal", "sub total",
        "net sales", "gross sales", "sales", "sales value", "order total", "total amount", "grand total",
        "order value", "price total", "betrag", "gesamt", "summe", "umsatz", "importe", "montant", "total sales",
        "turnover", "net amount", "paid",
    ),
    "quantity": (
        "quantity", "qty", "pieces", "units", "lineitem quantity", "item quantity", "item qty", "quantity ordered",
        "number of items", "count", "menge", "anzahl", "stueck", "stuck", "cantidad", "quantite", "quantita",
        "unidades",
    ),
    "currency": (
        "currency", "currency code", "order currency", "curr", "waehrung", "wahrung", "moneda", "devise",
        "iso currency",
    ),
    "category": (
        "category", "product category", "category code", "category name", "item category", "department",
        "product type", "kategorie", "warengruppe", "categoria", "categorie",
    ),
    "brand": ("brand", "vendor", "manufacturer", "marke", "hersteller", "marca", "marque", "brand name"),
    "clock": ("time", "clock", "hour", "uhrzeit", "order time", "hora", "heure", "time of day"),
    "line": (
        "event id", "eventid", "message id", "messageid", "line id", "line item id", "order item id",
        "item number", "row id", "transaction item id", "hit id", "uuid", "transaction id",
    ),
}  # fmt: skip
NOT_THE_TIME = (
    "updated", "modified", "cancelled", "canceled", "refunded", "shipped", "delivered", "fulfilled", "birth", "expir",
    "due", "sent", "received", "signup", "registered", "last", "etl", "delivery",
)  # fmt: skip
# what tells a person by a number, in a name that has one of the user's words in it
_IDS = (
    "id",
    "ids",
    "uid",
    "uuid",
    "guid",
    "no",
    "nr",
    "num",
    "number",
    "numero",
    "nummer",
    "code",
    "key",
    "hash",
)
_NOT_PAID = (
    *_IDS,
    "shipping", "postage", "delivery", "freight", "handling", "versand", "discount", "discounts", "coupon", "voucher",
    "rabatt", "tax", "taxes", "vat", "gst", "mwst", "ust", "iva", "tva", "steuer", "compare", "list", "msrp", "rrp",
    "uvp", "regular", "original", "old", "cost", "costs", "refund", "refunds", "refunded", "fee", "fees", "commission",
    "reference", "balance", "due", "outstanding", "tip", "tips", "gift", "margin", "profit", "deposit", "credit",
    "points", "lifetime", "spent", "average", "avg", "items", "count", "quantity", "qty", "orders", "weight", "rate",
)  # fmt: skip
# what a column is not that has one of the words for it in its name, next to one of these
NOT_THIS = {
    "email": (
        "consent", "marketing", "status", "opt", "optin", "subscribed", "subscription", "verified", "type", "domain",
        "campaign", "template", "subject", "count",
    ),
    "price": (*_NOT_PAID, "total", "sum", "gesamt"),
    "amount": _NOT_PAID,
    "product": (
        "payment", "shipping", "delivery", "transaction", "bank", "tracking", "order reference", "order ref",
        "customer reference", "customer ref", "count", "quantity", "qty", "category", "type", "status", "url", "link",
        "image", "price", "cost", "discount", "tax", "weight", "brand", "vendor", "color", "colour", "size", "rating",
    ),
    "product name": ("payment", "shipping", "delivery", "transaction", "method", "page", "customer"),
    "user": (
        "country", "city", "town", "state", "region", "province", "zip", "postal", "postcode", "plz", "street", "type",
        "group", "segment", "tier", "class", "status", "agent", "ip", "language", "locale", "gender", "age", "note",
        "notes", "comment", "tags", "currency", "land", "ort", "stadt", "gruppe", "pais", "ciudad",
    ),
}  # fmt: skip
_TAX = "(?:tax|taxes|vat|gst|mwst|ust|iva|tva|discount|discounts|rabatt)"
_WITH = "(?:incl|inc|including|included|inkl|excl|ex|exc|excluding|excluded|exkl|with|without|before|after|ohne|mit)"
# what a name says of an amount that is paid nevertheless
_OF_A_PRICE = re.compile(
    rf"\b(?:{_WITH} {_TAX}|{_TAX} {_WITH}|net|gross|netto|brutto|eur|usd|gbp|chf|cad|aud|sek|nok|dkk|pln|czk|jpy|inr)\b"
)
SIGNS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "R$": "BRL", "US$": "USD", "₺": "TRY", "₽": "RUB",
}  # fmt: skip


def words(text: str) -> str:
    """A name or a value in words: 'customerID' and 'Customer_Id' are 'customer id'."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    bare = unicodedata.normalize("NFKD", apart.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", " ", bare).strip()


def rank(name: str, role: str) -> int | None:
    """How well a column's name says that it tells this: 0 is best; None where it says nothing of it."""
    given, known = words(name), COLUMNS[role]
    found = _without_qualifiers(given) if role in ("price", "amount") else given
    for one_name in (given, found):
        joined = one_name.replace(" ", "")
        for at, one in enumerate(known):
            if one_name == one or joined == one.replace(" ", ""):
                return at
    if _has_one_of(NOT_THIS.get(role, ()), found):
        return None
    for at, one in enumerate(known):
        # 'billing customer id' has the words; single letters say nothing inside other names
        if len(one) > 3 and _has_one_of([one], found):
            return len(known) + at
    return None


def is_vague(name: str, role: str) -> bool:
    """Whether of what tells this a name has one word among others: 'promo price', not 'price' or 'my unit price'."""
    phrases = (one for one in COLUMNS[role] if " " in one)
    return not is_whole_name(name, role) and not _has_one_of(phrases, words(name))


def names_money(name: str) -> bool:
    """Whether a name has a word for money, be it paid for a product or for something else."""
    found = words(name)
    return _has_one_of((*COLUMNS["price"], *COLUMNS["amount"]), found) and not _has_one_of(
        (*_IDS, "items", "count", "quantity", "qty", "orders", "weight", "rate", "points"), found
    )


def is_whole_name(name: str, role: str) -> bool:
    """Whether a name says what it tells and nothing else."""
    at = rank(name, role)
    return at is not None and at < len(COLUMNS[role])


def names_an_id(name: str) -> bool:
    """Whether a name that tells the user is one for an id: 'customer' and 'customer code', not 'customer name'."""
    return is_whole_name(name, "user") or (
        rank(name, "user") is not None and _has_one_of(_IDS, words(name))
    )


def kind_of_event(value: str) -> str | None:
    """view, cart, remove_from_cart, purchase or refund, where a value is a word for it."""
    return _found(value, EVENTS.items())


def meaning_of_status(value: str) -> str | None:
    """purchase, or why it is none, where a value is a word for what became of an order."""
    return _found(value, STATUSES.items())


def is_other_event(value: str) -> bool:
    """Whether a value is a word for an event that is none of the five."""
    return words(value) in OTHER_EVENTS


def _without_qualifiers(found: str) -> str:
    return " ".join(_OF_A_PRICE.sub(" ", found).split())


def _has_one_of(some: Iterable[str], found: str) -> bool:
    return any(f" {one} " in f" {found} " for one in some)


def _found(value: str, known: Iterable[tuple[str, tuple[str, ...]]]) -> str | None:
    found = words(value)
    return next((kind for kind, names in known if found in names), None)
