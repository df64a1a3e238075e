{#-
    An end of the 95 % score interval of a proportion (Wilson 1927), as 64-bit floating point; null without trials.

    end  'low' or 'high'
-#}
{% macro wilson_bound(successes, trials, end) -%}
    {%- set z_squared = 'power(' ~ z_of_95_percent() ~ ', 2)' -%}
    (
        2 * {{ successes }} + {{ z_squared }} {{ '-' if end == 'low' else '+' }} {{ z_of_95_percent() }}
        * sqrt({{ z_squared }} + 4 * {{ successes }} * (1 - {{ ratio(successes, trials) }}))
    ) / (2 * (nullif({{ trials }}, 0) + {{ z_squared }}))
{%- endmacro %}
