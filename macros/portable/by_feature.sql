{#-
    What the caller says of the score and of each feature of each outcome, as one select. It is given the outcome, a relation of
    `number` (0 is the score, 1 the first of `features`) and `value` (double) of the outcome's users, and a condition on `number`.
-#}
{% macro by_score_and_feature(features) %}
    {%- for outcome in outcomes() %}
    {{ 'union all' if not loop.first }}
    {{ caller(outcome.name, "(select 0 as number, probability as value from " ~ ref('predictions') ~ " where outcome = '" ~ outcome.name ~ "') as scores", "number = 0") }}
    {%- for one in by_feature(features, ref('user_features'), outcome.population or 'true') %}
    union all
    {{ caller(outcome.name, one.source, one.condition) }}
    {%- endfor %}
    {%- endfor %}
{% endmacro %}

{#- Relations of number and value, and a condition on number for each, of the rows of a relation for which a condition holds. -#}
{% macro by_feature(features, relation, condition) %}
    {% do return(adapter.dispatch('by_feature')(features, relation, condition)) %}
{% endmacro %}

{#- Each column is read, grouped and sorted by itself: a window over all of them at once takes three times as long. -#}
{% macro duckdb__by_feature(features, relation, condition) %}
    {% set found = [] %}
    {% for feature in features %}
        {% do found.append({
            'source': "(select " ~ loop.index ~ " as number, cast(" ~ feature ~ " as double) as value from " ~ relation ~ " where " ~ condition ~ ") as features",
            'condition': "number = " ~ loop.index,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{#- One explosion of an array of numbers: `stack` makes an object of each value, and took three to seven times as long. -#}
{% macro spark__by_feature(features, relation, condition) %}
    {% set values = [] %}
    {% for feature in features %}{% do values.append("cast(" ~ feature ~ " as double)") %}{% endfor %}
    {% do return([{
        'source': "(select place + 1 as number, value from " ~ relation ~ " lateral view posexplode(array(" ~ values | join(', ') ~ ")) as place, value where " ~ condition ~ ") as features",
        'condition': "number > 0",
    }] if features else []) %}
{% endmacro %}
