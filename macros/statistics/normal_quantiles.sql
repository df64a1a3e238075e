{#- Quantiles of the standard normal distribution: of an interval of 95 %, both sides, and of a power of 80 %. -#}
{% macro z_of_95_percent() -%} 1.959963984540054 {%- endmacro %}

{% macro z_of_80_percent_power() -%} 0.8416212335729143 {%- endmacro %}
