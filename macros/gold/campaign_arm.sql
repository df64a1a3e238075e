{#-
    'treated' or 'control'. It depends on the campaign, its control_share and the user, and on nothing else, so nobody changes
    sides whatever is built again; and between campaigns it is as good as independent.
-#}
{% macro campaign_arm(campaign, user_id, control_share) -%}
    case
        when {{ hash_fraction(dbt.hash(campaign) ~ ' || ' ~ user_id) }} < {{ control_share }} then 'control'
        else 'treated'
    end
{%- endmacro %}
