{#-
    Number of nulls per column, if any has one. All columns in one test: a test of its own for each takes dbt as long as
    reading a million rows.
-#}
{% test never_null(model, columns) %}
    select *
    from (
        select
            {%- for column in columns %}
            count(case when {{ column }} is null then 1 end) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ model }}
    ) as nulls
    where {{ columns | join(' + ') }} > 0
{% endtest %}
