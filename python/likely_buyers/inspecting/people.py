"""Who bought: which columns tell people apart, the one that knows most about them first."""

from likely_buyers.inspecting.candidates import Candidates
from likely_buyers.inspecting.profile import Column
from likely_buyers.inspecting.vocabulary import names_an_id, rank

_RARELY_FILLED = 0.02
# fewer lines than this tell little about what is unique
_FEW_LINES = 20
# kinds of columns that tell no person, whatever their names
_NOBODY = ("true/false", "nested", "date")


def users_of(columns: Candidates, questions: list[str]) -> list[str]:
    """Expressions for the user, the one that knows most about people first."""

    def may_be(column: Column) -> bool:
        return column.filled >= _RARELY_FILLED and column.kind not in _NOBODY

    others = {role: columns.named(role, may_be) for role in ("email", "device", "phone", "session")}
    named = [
        c
        for c in columns.named("user", may_be)
        if c.kind != "money" and not any(c in group for group in others.values())
    ]
    ids = [c for c in named if names_an_id(c.name) and not _tells_few(c)]
    # a name, or a number that all share, tells people where nothing else does
    vague = [c for c in named if c not in ids and c.kind in ("text", "whole number")]
    mails = others["email"]
    mails += [c for c in columns.columns if c.kind == "e-mail" and c not in mails and c not in ids]
    last_resorts = (others["phone"], vague)
    chosen: list[Column] = []
    many = [c for c in (*ids, *mails, *others["device"], *others["phone"]) if c.count >= _FEW_LINES]
    repeated = [c for c in many if not c.is_unique]
    for group in (ids, mails, others["device"], *last_resorts):
        if chosen and group in last_resorts:
            continue
        # where lines have an id each and another column repeats, the id is an order's
        people = [c for c in group if not (c in many and c.is_unique and repeated)]
        if people:
            chosen.append(people[0])
        if len(people) > 1:
            questions.append(
                f"Which column is the user: {', '.join(c.name for c in people)}? The draft takes {people[0].name}."
            )
    if chosen and chosen[0] in vague:
        questions.append(
            f"Does {chosen[0].name} tell one person from another? It has {chosen[0].distinct:,} values on"
            f" {chosen[0].count:,} lines, and no other column tells who bought."
        )
    # who has an id on every line needs no other
    if chosen and chosen[0].filled == 1.0 and len(chosen) > 1:
        questions.append(
            f"Is {chosen[0].name} one person's over all orders? If it is new with each order or visit, take"
            f" {chosen[1].name}."
        )
    elif len(chosen) > 1:
        names = ", else ".join(column.name for column in chosen)
        questions.append(
            f"Who is the user: {names}? The draft takes them in this order; a person known by two of them"
            " is two users."
        )
    elif chosen and chosen[0] in many and chosen[0].is_unique:
        questions.append(
            f"Is {chosen[0].name} one person's over all orders? It is another one on each line, and nobody who"
            " comes back can be told."
        )
    return [
        f"as_email({columns.take(c)})"
        if c.kind == "e-mail" or rank(c.name, "email") is not None
        else columns.take(c)
        for c in chosen
    ]


def _tells_few(column: Column) -> bool:
    """Whether many lines share so few values that they can hardly be the people who buy."""
    return column.count >= _FEW_LINES and column.distinct <= max(2, 0.001 * column.count)
