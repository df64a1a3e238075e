{#-
    Combinations of columns that stand in more than one row. Of an append-only table with as_of_date, `only_of` names the
    relation whose newest as_of_date is looked at: other rows were tested by the build that appended them.
-#}
{% test unique_combination(model, columns, only_of=none) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    {%- if only_of is not none %}
    where as_of_date = (select max(as_of_date) from {{ only_of }})
    {%- endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
