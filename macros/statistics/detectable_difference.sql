{#-
    The smallest rise d of a purchase rate p that a comparison of two arms finds with a power of 80 %, tested two-sided
    at 5 %, by the normal approximation for two proportions with the variance of each arm (Chow, Shao and Wang, Sample
    Size Calculations in Clinical Research, section 4.2; arms of unequal size as there):

        d^2 = z^2 (p (1 - p) / control + (p + d) (1 - p - d) / treated),    z = z(0.975) + z(0.8)

    which is a quadratic equation in d, solved for its positive root. Null where an arm is empty, p is null, or even a
    rate of 1 would not be enough.
-#}
{% macro detectable_difference(rate, treated_users, control_users) -%}
    {%- set z_squared = 'power(' ~ z_of_95_percent() ~ ' + ' ~ z_of_80_percent_power() ~ ', 2)' -%}
    {%- set treated_share = z_squared ~ ' / nullif(' ~ treated_users ~ ', 0)' -%}
    {%- set slope = treated_share ~ ' * (1 - 2 * ' ~ rate ~ ')' -%}
    {%- set variance -%}
    {{ rate }} * (1 - {{ rate }}) * ({{ treated_share }} + {{ z_squared }} / nullif({{ control_users }}, 0))
    {%- endset -%}
    {%- set root -%}
    (
        {{ slope }} + sqrt(power({{ slope }}, 2) + 4 * (1 + {{ treated_share }}) * {{ variance }})
    ) / (2 * (1 + {{ treated_share }}))
    {%- endset -%}
    case when {{ rate }} + {{ root }} <= 1 then {{ root }} end
{%- endmacro %}
