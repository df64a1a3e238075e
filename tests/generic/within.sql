{#-
    Number of values per column that lie outside of its bounds, if any does: {column: {low: number, high: number}}. A
    bound left out does not bind. Null is no value.
-#}
{% test within(model, bounds) %}
    select *
    from (
        select
            {%- for column, bound in bounds.items() %}
            count(
                case
                    {%- if bound.low is defined %}
                    when {{ column }} < {{ bound.low }} then 1
                    {%- endif %}
                    {%- if bound.high is defined %}
                    when {{ column }} > {{ bound.high }} then 1
                    {%- endif %}
                end
            ) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ model }}
    ) as outside
    where {{ bounds | join(' + ') }} > 0
{% endtest %}
