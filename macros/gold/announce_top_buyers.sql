{#- Post-hook: says on the console how many users were selected, and when none was, how many came close. -#}
{% macro announce_top_buyers() %}
    {% if execute %}
        {% set selected = run_query("select count(*) from " ~ this).columns[0].values()[0] | int %}
        {% set mean_probability = "sum(cast(probability as decimal(18, 12))) / count(*)" %}
        {% set row = run_query(
            "select count(*), max(probability), " ~ mean_probability ~ ", ceil(count(*) * " ~ var('top_fraction')
            ~ ") from " ~ ref('predictions')).rows[0] %}
        {% set users, highest, mean, places = row[0] | int, row[1] | float, row[2] | float, row[3] | int %}
        {% set low = [var('min_probability') or 0, (var('min_lift') or 0) * mean] | max %}
        {% set rule = "the top " ~ "%.4g" | format(100 * var('top_fraction')) ~ " % (" ~ places ~ " of " ~ users
            ~ " users)" ~ ((" with a probability of at least " ~ "%.4g" | format(low)) if low else "") %}
        {% if selected %}
            {% do log("likely_buyers: " ~ selected ~ " users in gold.top_buyers: " ~ rule ~ ".", info=true) %}
        {% else %}
            {% set close = run_query("select count(*) from " ~ ref('predictions') ~ " where probability >= "
                ~ 0.8 * low).columns[0].values()[0] | int %}
            {% do log("likely_buyers: gold.top_buyers is empty: nobody is in " ~ rule ~ ". The highest probability is "
                ~ "%.4g" | format(highest) ~ ", the mean " ~ "%.4g" | format(mean) ~ "; " ~ close
                ~ " users came close (at least " ~ "%.4g" | format(0.8 * low)
                ~ "). Lower min_probability or min_lift, or leave them out, to select some.", info=true) %}
        {% endif %}
    {% endif %}
{% endmacro %}
