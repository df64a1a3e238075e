{#-
    What must hold of each row and of the whole relation, in one test: a test of its own for each takes dbt as long as reading a
    million rows. A row of the result names a check and how often it is broken.

    never_null: columns. varies: columns that hold more than one value where there are two rows or more, as a model that lost
        its inputs does not.
    within: {column: {low: number, high: number}}; a bound left out does not bind, and null is no value.
    accepted: {column: values}; null is no value. words: {column: the words that its text consists of}.
    holds: {what: condition}, which is not to be false.
    unique: lists of columns, of which no two rows have the same.
    refers: {column: the relation that has a row with its value}.
    newest_of: of an append-only table with as_of_date, the relation whose newest as_of_date is looked at: other rows were
        tested by the build that appended them.
-#}
{% test checks(model, never_null=[], varies=[], within={}, accepted={}, words={}, holds={}, unique=[], refers={}, newest_of=none) %}
    {%- set rows = model if newest_of is none
        else "(select * from " ~ model ~ " where as_of_date = (select max(as_of_date) from " ~ newest_of ~ "))" %}
    {%- set broken = {} %}
    {%- for column in never_null %}
        {%- do broken.update({column ~ " is null": column ~ " is null"}) %}
    {%- endfor %}
    {%- for column, bound in within.items() %}
        {%- if bound.low is defined %}{% do broken.update({column ~ " is below " ~ bound.low: column ~ " < " ~ bound.low}) %}{% endif %}
        {%- if bound.high is defined %}{% do broken.update({column ~ " is above " ~ bound.high: column ~ " > " ~ bound.high}) %}{% endif %}
    {%- endfor %}
    {%- for column, values in accepted.items() %}
        {%- set literals = [] %}
        {%- for value in values %}{% do literals.append(sql_text(value)) %}{% endfor %}
        {%- do broken.update({column ~ " has another value": column ~ " not in (" ~ literals | join(", ") ~ ")"}) %}
    {%- endfor %}
    {%- for column, known in words.items() %}
        {%- set left = namespace(over="' ' || " ~ column ~ " || ' '") %}
        {%- for word in known %}{% set left.over = "replace(" ~ left.over ~ ", '" ~ word ~ " ', '')" %}{% endfor %}
        {%- do broken.update({column ~ " has another word": column ~ " = '' or trim(" ~ left.over ~ ") <> ''"}) %}
    {%- endfor %}
    {%- for what, condition in holds.items() %}
        {%- do broken.update({"not: " ~ what: "not (" ~ condition ~ ")"}) %}
    {%- endfor %}
    with checked_rows as (
        select
            count(*) as row_count
            {%- for condition in broken.values() %},
            count(case when {{ condition }} then 1 end) as broken_{{ loop.index }}
            {%- endfor %}
            {%- for column in varies %},
            case when min({{ column }}) = max({{ column }}) then count(*) else 0 end as same_{{ loop.index }}
            {%- endfor %}
        from {{ rows }} as checked
    ),

    checks as (
        select
            '' as broken,
            0 as times
        from checked_rows
        {%- for what in broken %}
        union all
        select {{ sql_text(what) }}, broken_{{ loop.index }} from checked_rows
        {%- endfor %}
        {%- for column in varies %}
        union all
        select {{ sql_text(column ~ " has one value only") }}, same_{{ loop.index }} - 1 from checked_rows
        {%- endfor %}
        {%- for columns in unique %}
        union all
        select {{ sql_text("two rows have the same " ~ columns | join(', ')) }}, count(*)
        from (
            select {{ columns | join(', ') }} from {{ rows }} as checked
            group by {{ columns | join(', ') }}
            having count(*) > 1
        ) as repeated
        {%- endfor %}
        {%- for column, relation in refers.items() %}
        union all
        select {{ sql_text(column ~ " is not in " ~ relation.identifier) }}, count(*)
        from {{ rows }} as checked
        where {{ column }} not in (select {{ column }} from {{ relation }} where {{ column }} is not null)
        {%- endfor %}
    )

    select * from checks
    where times > 0
{% endtest %}
