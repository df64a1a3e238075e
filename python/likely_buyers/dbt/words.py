"""What a build says of what it finds: SQL finds it, asked by the macro `tell`, and its columns fill the words here."""

from collections.abc import Mapping
from typing import Any

from likely_buyers.sources import left_over_in_words, load_in_words

_WORDS = {
    "told": {
        "load": "{words}",
        "top_buyers": "{selected} users in gold.top_buyers{of_outcome}: the top {percent:.4g} % ({places} of {users}"
        " users){at_least}.",
        "no_top_buyers": "gold.top_buyers is empty{of_outcome}: nobody is in the top {percent:.4g} % ({places} of"
        " {users} users){at_least}. The highest probability is {highest:.4g}, the mean {mean:.4g}; {close} users came"
        " close (at least {near:.4g}). Lower min_probability or min_lift, or leave them out, to select some.",
        "fault": "{name} failed: {remedy}",
        "broken_check": "{name}: {broken} ({times})",
    },
    "warned": {
        "as_of_too_late": "as_of {as_of} is {days_after:,} days after the last event day ({last_day}), more than"
        " horizon_days ({horizon_days}): to the scores nobody has done anything since. Load the events of the days"
        " between, or leave as_of out, for the day after the last event day.",
        "left_over": "{words} silver.quarantined_events and bronze.rejected_lines have them.",
        "imprecise_ids": "the column '{name}' has {numbers:,} numbers of 2^53 or more in a floating type, which cannot"
        " tell neighbours apart: two ids may have become one {id}. Deliver it as whole numbers or as text.",
        "month_above_12": "{times} times, such as '{sample}', have a number above 12 where the event mapping expects"
        " the month: day and month are the other way round, and times up to the 12th were read wrong without an error."
        " Give as_utc the right format, '%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'.",
        "files_without_age": "the file '{name}'{others} says that it was changed before 1990, which says nothing: its"
        " lines are not checked for times of the future.",
        "bot": "the user '{user_id}' has {events:,} events on {event_date}, more than people make"
        " (vars.bot_events_per_day: {most}). All are counted, and it is scored as any user. To leave it out, give its"
        " events a type of their own in the event mapping (event_type: case when user_id = '{user_id}' then 'bot' else"
        " event_type end): they are quarantined then.",
        "large_order": "the user '{user_id}' spent {revenue:,.2f} on {event_date}, {times:,.0f} times a typical"
        " purchase day (told above 100 times the median and 1 % of the revenue). Is it a price or quantity with digits"
        " too many? It counts as revenue, but expected_revenue does not follow it, neither the user's nor others'.",
        "currencies": "events have amounts in {found}{of_shop}: they are never one sum. Money features and"
        " expected_revenue cannot be had (null) until vars.currency names the shop's currency and"
        " seeds/currency_rates.csv has a rate for: {unrated}.",
    },
    "problem": {
        "no_lines": "silver.events is empty: {source} has no line, or a header alone. Deliver events there and run dbt"
        " build again; is vars.events_path the right place?",
        "nothing_to_score": "silver.events is empty: no line of {source} became an event."
        " silver.quarantined_events and bronze.rejected_lines give the reason per line; is vars.event_mapping"
        " ('{event_mapping}') the right one?",
        "as_of_too_early": "as_of {as_of} is not after the first event day ({first_day}): nobody is known by then. Give"
        " a later date: --vars '{{as_of: YYYY-MM-DD}}'.",
        "short_history": "the history is too short to train the outcome '{outcome}': from the first event day"
        " ({first_day}) to as_of ({as_of}) it has {days} days, and needs {needed_days} (horizon_days {horizon_days} and"
        " a day before the cutoff). Load older events, or set a shorter horizon_days.",
        "campaigns": "seeds/campaigns.csv: {problems}. Mend the file and run dbt build again; no list was made, and the"
        " campaigns known before stay as they are.",
        "too_much_left_over": "{words} More than vars.stop_left_over ({stop_left_over}) are lost, so the build stops"
        " before silver; bronze has the lines. Mend the mapping and run dbt build again, or raise stop_left_over (1"
        " never stops).",
        "no_rows": "the `rows` of the event mapping '{event_mapping}' give no row for {lines:,} lines. The build stops"
        " before silver; bronze has the lines. Mend the mapping and run dbt build again.",
    },
}


_MADE_OF = {
    "load": load_in_words,
    "left_over": left_over_in_words,
    "too_much_left_over": left_over_in_words,
}


def in_words(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of a row, which names its words in `what`, what the macro `heard` says: {how: [words]}."""
    columns = dict(found)
    what, low = columns["what"], columns.get("low")
    if what in _MADE_OF:
        columns["words"] = _MADE_OF[what](found)
    columns["at_least"] = f" with a probability of at least {low:.4g}" if low else ""
    how = next(how for how, known in _WORDS.items() if what in known)
    return {how: [_WORDS[how][what].format(**columns)]}
