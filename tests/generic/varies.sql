{#- Fails when a column of a table with two rows or more holds one value only: a model that lost its inputs looks so. -#}
{% test varies(model, column) %}
    select
        count(*) as row_count,
        min({{ column }}) as only_value
    from {{ model }}
    having count(*) > 1 and min({{ column }}) = max({{ column }})
{% endtest %}
