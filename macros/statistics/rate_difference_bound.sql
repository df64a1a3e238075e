{#-
    An end of the 95 % interval of the difference of two independent proportions, treated less control: the hybrid
    score interval, method 10 of Newcombe (1998), "Interval estimation for the difference between independent
    proportions: comparison of eleven methods", Statistics in Medicine 17, 873-890. It keeps its level where arms are
    small, unequal, or without a buyer, and stays within -1 and 1. Null where an arm is empty.

    The columns treated_users, treated_buyers, treated_rate and their like for control must stand in the query; end is
    'low' or 'high'.
-#}
{% macro rate_difference_bound(end) -%}
    {%- set other_end = 'high' if end == 'low' else 'low' -%}
    treated_rate - control_rate {{ '-' if end == 'low' else '+' }} sqrt(
        power(treated_rate - {{ wilson_bound('treated_buyers', 'treated_users', end) }}, 2)
        + power(control_rate - {{ wilson_bound('control_buyers', 'control_users', other_end) }}, 2)
    )
{%- endmacro %}
