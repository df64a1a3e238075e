{{ config(materialized="table_on_change") }}

{#- always: dbt is to see that it is read -#}
{%- set user_features = ref('user_features') %}

{#- the columns of the features, as the contract has them: no table need be there to be asked -#}
{%- set features = [] %}
{%- if execute %}
{%- for name in graph.nodes['model.' ~ project_name ~ '.user_features'].columns if name not in ('user_id', 'as_of_date') %}
{%- do features.append(name) %}
{%- endfor %}
{%- endif %}
{#- sqlfluff would read the same hundred selects for minutes -#}
{%- set features = features[:env_var('LIKELY_BUYERS_LINTED_FEATURES', '1000') | int] %}
{#- more values than these are a quantity, and a number of users above this is enough for a distance -#}
{%- set most_categories, few_users = 5, 1000 %}

with scored_users as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        count(*) as users
    from {{ ref('predictions') }}
    group by outcome, as_of_date, model_name, model_version
),

-- a name has a number, which takes less room than a text beside each of its values; 0 is the score
names as (
    {%- for name in ['probability'] + features %}
    select
        {{ loop.index0 }} as number,
        '{{ name }}' as name
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

reference_values as (
    select
        distributions.*,
        names.number
    from {{ ref('champion_distributions') }} as distributions
    inner join scored_users
        on
            distributions.outcome = scored_users.outcome
            and distributions.model_name = scored_users.model_name
            and distributions.model_version = scored_users.model_version
    inner join names on distributions.name = names.name
),

reference_names as (
    select
        outcome,
        number,
        name,
        kind,
        max(users) as reference_users,
        max(mean) as reference_mean,
        max(spread) as spread,
        max(importance) as importance,
        max(inexact_by) as inexact_by,
        sum(examples) as examples,
        sum(case when value is not null then examples else 0 end) as examples_with_value
    from reference_values
    group by outcome, number, name, kind
),

current_names as (
    {%- call(outcome, source, condition) by_score_and_feature(features) %}
    select
        '{{ outcome }}' as outcome,
        number,
        count(*) as users,
        count(value) as users_with_value
    from {{ source }}
    group by number
    {%- endcall %}
),

compared as (
    select
        reference_names.*,
        current_names.users,
        current_names.users_with_value
    from reference_names
    inner join current_names
        on reference_names.outcome = current_names.outcome and reference_names.number = current_names.number
),

-- Wasserstein distance of order 1 = area between the distribution functions; Kolmogorov and Smirnov's = where they are furthest
-- apart. A value that both have stands there twice, with no gap between: the sums are those of all up to it at the last of the two.
quantities as (
    {%- call(outcome, source, condition) by_score_and_feature(features) %}
    select
        '{{ outcome }}' as outcome,
        number,
        count(case when gap is null or gap > 0 then 1 end) as distinct_values,
        {{ exact_sum('share_of_mean') }} as mean,
        {{ exact_sum('height * width') }} as wasserstein,
        max(case when gap is null or gap > 0 then height end) as kolmogorov_smirnov
    from (
        select
            steps.number,
            steps.gap,
            steps.users * (steps.value / compared.users_with_value) as share_of_mean,
            abs({{ ratio('users_to_here', 'users_with_value') }} - {{ ratio('examples_to_here', 'examples_with_value') }}) as height,
            case when spread > 0 then least(gap / spread, 1e15) end as width
        from (
            select
                number,
                value,
                users,
                sum(users) over to_here as users_to_here,
                sum(examples) over to_here as examples_to_here,
                lead(value) over (partition by number order by value) - value as gap
            from (
                select
                    number,
                    value,
                    count(*) as users,
                    0 as examples
                from {{ source }}
                where value is not null
                group by number, value
                union all
                select
                    number,
                    value,
                    0 as users,
                    examples
                from reference_values
                where outcome = '{{ outcome }}' and value is not null and {{ condition }}
            ) as both_values
            window to_here as (partition by number order by value rows between unbounded preceding and current row)
        ) as steps
        inner join (select * from compared where outcome = '{{ outcome }}') as compared on steps.number = compared.number
    ) as gaps
    group by number
    {%- endcall %}
),

categories as (
    select
        compared.outcome,
        compared.number
    from compared
    left join quantities on compared.outcome = quantities.outcome and compared.number = quantities.number
    where coalesce(quantities.distinct_values, 0) <= {{ most_categories }}
),

category_values as (
    select
        both_values.outcome,
        both_values.number,
        both_values.value,
        sum(both_values.users) as users,
        sum(both_values.examples) as examples
    from (
        {%- call(outcome, source, condition) by_score_and_feature(features) %}
        select
            '{{ outcome }}' as outcome,
            number,
            value,
            count(*) as users,
            0 as examples
        from {{ source }}
        where number in (select few.number from categories as few where few.outcome = '{{ outcome }}')
        group by number, value
        {%- endcall %}
        union all
        select
            outcome,
            number,
            value,
            0 as users,
            examples
        from reference_values
    ) as both_values
    inner join categories on both_values.outcome = categories.outcome and both_values.number = categories.number
    group by both_values.outcome, both_values.number, both_values.value
),

-- the values of few are categories, a missing one among them; of a quantity whether it is missing is one thing, and its value another
shares as (
    select
        category_values.outcome,
        category_values.number,
        {{ ratio('category_values.users', 'compared.users') }} as share,
        {{ ratio('category_values.examples', 'compared.examples') }} as reference_share
    from category_values
    inner join compared on category_values.outcome = compared.outcome and category_values.number = compared.number
    {%- for there in [true, false] %}
    union all
    select
        compared.outcome,
        compared.number,
        {{ ratio('compared.users_with_value' if there else 'compared.users - compared.users_with_value', 'compared.users') }} as share,
        {{ ratio('compared.examples_with_value' if there else 'compared.examples - compared.examples_with_value', 'compared.examples') }} as reference_share
    from compared
    inner join quantities on compared.outcome = quantities.outcome and compared.number = quantities.number
    where quantities.distinct_values > {{ most_categories }}
    {%- endfor %}
),

divergences as (
    select
        shares.outcome,
        shares.number,
        count(*) as categories,
        sqrt(greatest({{ exact_sum(
            'case when shares.share > 0 then shares.share * ln(2 * shares.share / (shares.share + shares.reference_share)) else 0 end'
            ~ ' + case when shares.reference_share > 0 then shares.reference_share * ln(2 * shares.reference_share / (shares.share + shares.reference_share)) else 0 end'
        ) }}, 0) / 2 / ln(2)) as jensen_shannon,
        {{ exact_sum(
            'power(shares.share - shares.reference_share, 2) / nullif(shares.share / compared.reference_users + shares.reference_share / compared.users, 0)'
        ) }} as chi_squared
    from shares
    inner join compared on shares.outcome = compared.outcome and shares.number = compared.number
    group by shares.outcome, shares.number
),

-- what the tests need: the chance of a statistic as large if both were of one distribution
statistics as (
    select
        compared.*,
        scored_users.as_of_date,
        scored_users.model_name,
        scored_users.model_version,
        least(compared.users, compared.reference_users) <= {{ few_users }} as is_tested,
        coalesce(quantities.distinct_values, 0) <= {{ most_categories }} as is_category,
        quantities.mean,
        quantities.wasserstein,
        quantities.kolmogorov_smirnov,
        divergences.categories,
        divergences.jensen_shannon,
        divergences.chi_squared,
        sqrt(divergences.chi_squared / 2) as root,
        1 / (1 + sqrt(divergences.chi_squared / 2) / 2) as t,
        sqrt({{ ratio('compared.users_with_value * compared.reference_users', 'compared.users_with_value + compared.reference_users') }}) as root_of_size
    from compared
    inner join scored_users on compared.outcome = scored_users.outcome
    inner join divergences on compared.outcome = divergences.outcome and compared.number = divergences.number
    left join quantities on compared.outcome = quantities.outcome and compared.number = quantities.number
),

-- The complementary error function by the Chebyshev fit of Press et al., Numerical Recipes, section 6.2 (1.2e-7 of its value),
-- and the argument of Kolmogorov's distribution by Stephens (1970) for samples of any size.
arguments as (
    select
        statistics.*,
        t * exp(
            -root * root - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (
                0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))))
        ) as complementary_error,
        (root_of_size + 0.12 + 0.11 / nullif(root_of_size, 0)) * kolmogorov_smirnov as kolmogorov
    from statistics
),

-- of the chi-squared distribution with one degree of freedom less than there are categories: at most five
chances as (
    select
        arguments.*,
        case categories
            when 1 then 1
            when 2 then complementary_error
            when 3 then exp(-chi_squared / 2)
            when 4 then complementary_error + sqrt(2 * chi_squared / pi()) * exp(-chi_squared / 2)
            when 5 then exp(-chi_squared / 2) * (1 + chi_squared / 2)
            when 6 then complementary_error + sqrt(2 * chi_squared / pi()) * exp(-chi_squared / 2) * (1 + chi_squared / 3)
        end as chi_squared_p,
        case
            when kolmogorov < 0.3 then 1
            else 2 * (
                {%- for term in range(1, 21) %}
                {{ ('+ ' if term % 2 else '- ') if not loop.first }}exp(-{{ 2 * term * term }} * kolmogorov * kolmogorov)
                {%- endfor %}
            )
        end as kolmogorov_smirnov_p
    from arguments
),

distances as (
    select
        chances.*,
        case
            when is_category then case when is_tested then 'chi_squared' else 'jensen_shannon' end
            when is_tested then 'kolmogorov_smirnov'
            else 'wasserstein'
        end as method,
        case
            when is_category then jensen_shannon
            when is_tested then kolmogorov_smirnov
            else wasserstein
        end as distance,
        case when not is_category then jensen_shannon end as missing_distance,
        -- of two tests of one feature the surer one, twice
        case
            when not is_tested then null
            when is_category then least(chi_squared_p, 1)
            else least(2 * least(chi_squared_p, coalesce(kolmogorov_smirnov_p, 1)), 1)
        end as p_value
    from chances
),

drift as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        cast(row_number() over (partition by outcome order by distance desc nulls last, name asc) as {{ dbt.type_int() }}) as rank,
        kind,
        name,
        method,
        cast(distance as double) as distance,
        cast(missing_distance as double) as missing_distance,
        cast(p_value as double) as p_value,
        case
            -- a difference by chance in one feature of so many is no drift (Bonferroni)
            when is_tested then p_value < cast({{ var('drift_p_value') }} as double) / (count(*) over (partition by outcome))
            else coalesce(distance, 0) > {{ var('drift_distance') }} or coalesce(missing_distance, 0) > {{ var('drift_distance') }}
        end as is_drifted,
        importance,
        cast(importance * wasserstein as double) as effect,
        mean,
        reference_mean,
        {{ ratio('users - users_with_value', 'users') }} as missing_share,
        {{ ratio('examples - examples_with_value', 'examples') }} as reference_missing_share,
        cast(users as {{ dbt.type_bigint() }}) as users,
        cast(examples as {{ dbt.type_bigint() }}) as examples,
        inexact_by
    from distances
)

select * from drift
