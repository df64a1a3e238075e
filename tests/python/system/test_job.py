"""The whole job on a small demo shop: events in, ranked buyers out."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from likely_buyers.demo_shop import purchase_probability
from likely_buyers.evaluation import roc_auc
from support.installation import PROJECT, Installation
from support.lakes import open_lake
from support.trained_shop import AS_OF, TrainedShop

SCORES = "user_id, as_of_date, horizon_days, probability, model_name, model_version, model_digest"


@pytest.fixture(scope="module")
def shop(shop_with_champion: TrainedShop) -> Path:
    return shop_with_champion.events


@pytest.fixture(scope="module")
def job(shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Trained as of 30 days before the end, and scored as of then."""
    return shop_with_champion.copied(tmp_path_factory.mktemp("job") / "state")


def test_every_planted_line_is_accounted_for(job: Installation, shop: Path) -> None:
    truth = json.loads((shop / "_truth" / "dirt.json").read_text())
    assert job.query("select sum(line_count) from bronze.loaded_files") == [(truth["lines"],)]
    assert job.query("select count(*) from bronze.rejected_lines") == [(truth["rejected"],)]
    assert job.query("select count(*) from silver.quarantined_events") == [(truth["quarantined"],)]
    assert job.query("select count(*), sum(line_count - 1) from told_events") == [
        (truth["valid_distinct_events"], truth["duplicates"])
    ]
    assert dict(job.query("select event_type, count(*) from silver.events group by 1")) == {
        kind: count for kind, count in truth["events_by_type"].items() if count
    }


def test_the_unit_tests_of_the_models_pass(job: Installation) -> None:
    """Of the SQL: the builds of the other tests leave them out."""
    with_them = replace(job, settings={"DBT_EXCLUDE_RESOURCE_TYPES": ""})
    finished = with_them.dbt("test", "--select", "test_type:unit")
    assert finished.succeeded, finished.output
    written = (PROJECT / "models").rglob("*.yml")
    cases = [
        case for file in written for case in yaml.safe_load(file.read_text()).get("unit_tests", [])
    ]
    assert f"{len(cases)} of {len(cases)} PASS" in finished.output


def test_every_user_seen_is_scored_and_a_tenth_is_listed(job: Installation) -> None:
    seen = job.query(
        f"select count(distinct user_id) from silver.events where event_time < '{AS_OF}'"
    )[0][0]
    assert job.query("select count(*), count(distinct user_id) from gold.predictions") == [
        (seen, seen)
    ]
    buyers, first, last = job.query("select count(*), min(rank), max(rank) from gold.top_buyers")[0]
    assert (buyers, first, last) == (-(-seen // 10), 1, buyers)


def test_the_scores_beat_frequency_and_stay_below_the_truth(job: Installation, shop: Path) -> None:
    truth = purchase_probability(shop / "_truth", AS_OF, 30)  # noqa: F841 (DuckDB reads it by name)
    with open_lake(job.state, read_only=True) as connection:
        scored = connection.sql(
            "select truth.bought, truth.probability as oracle, predictions.probability,"
            " user_features.purchase_days from truth"
            " join gold.predictions on predictions.user_id = cast(truth.user_id as varchar)"
            " join silver.user_features on user_features.user_id = predictions.user_id"
        ).fetchnumpy()
    bought = scored["bought"].astype(bool)
    model, frequency, oracle = (
        roc_auc(bought, scored[name].astype(float))
        for name in ("probability", "purchase_days", "oracle")
    )
    assert frequency + 0.05 < model < oracle


def test_a_second_build_changes_nothing(job: Installation, shop: Path) -> None:
    tables = {
        "gold.predictions": SCORES,
        "gold.prediction_history": "*",
        "gold.top_buyers": "*",
        "gold.top_buyer_reasons": "user_id, reason_rank, feature, reason",
        "told_events": "*",
        "silver.user_features": "*",
    }

    def contents() -> dict[str, list[tuple[object, ...]]]:
        return {t: job.query(f"select {c} from {t} order by all") for t, c in tables.items()}

    before = contents()
    job.built(variables={"events_path": str(shop), "as_of": str(AS_OF)})
    assert contents() == before


def test_gold_is_published_as_the_last_build_that_passed_left_it(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    job = shop_with_champion.copied(tmp_path / "state")
    query = f"select {SCORES}, run_id, scored_at from gold.predictions order by user_id"
    columns = ", ".join(name for name, *_ in job.query("describe silver.user_features"))
    features_now = f"select {columns} from silver.user_features order by user_id"
    scores, features = job.query(query), job.query(features_now)

    # all of gold is made anew, of another day, and then a test fails
    with open_lake(job.state) as lake:
        twice = "select predictions.* replace (as_of_date - 1 as as_of_date) from gold.predictions, range(2)"
        lake.execute(f"insert into gold.prediction_history {twice}")
    later = shop_with_champion.variables | {"as_of": str(AS_OF - timedelta(days=1))}
    assert not job.dbt("build", variables=later).succeeded
    assert job.dbt("docs", "generate", "--static", variables=later).succeeded
    assert job.query("select distinct as_of_date from gold.top_buyers") == [
        (AS_OF - timedelta(days=1),)
    ]
    published = job.run("likely-buyers", "publish")
    assert published.succeeded, published.output
    assert "did not pass: test assert_history_holds_the_current_predictions" in published.output
    assert f"scores as of {AS_OF} by version" in published.output
    file = job.state / "published" / "gold.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.sql(query).fetchall() == scores
        undocumented = connection.sql(
            "select table_name, column_name from duckdb_columns()"
            " where comment is null and not internal and table_name <> 'publication'"
        ).fetchall()
        assert undocumented == []
    logged = f"'{job.state}/published/parquet/predictions/**/*.parquet'"
    assert job.query(f"select {columns} from {logged} order by user_id") == features
    assert job.query(features_now) != features


def test_only_what_changed_is_built_again(job: Installation, shop: Path) -> None:
    variables = {"events_path": str(shop), "as_of": str(AS_OF)}
    tables = ["user_features", "predictions", "top_buyers", "top_buyer_reasons"]
    runs = "select distinct run_id from gold.predictions"
    listed = "select * from gold.top_buyers order by rank"

    def run(*arguments: str, **more: object) -> str:
        finished = job.dbt("run", *arguments, variables=variables | more)
        assert finished.succeeded, finished.output
        return finished.output

    finished = job.build_models(variables=variables)
    assert finished.succeeded, finished.output
    scored_by, buyers = job.query(runs), job.query(listed)
    assert "users in gold.top_buyers" in run("--select", *tables)
    assert (job.query(runs), job.query(listed)) == (scored_by, buyers)

    run("--select", *tables, top_fraction=0.05)
    assert job.query(runs) == scored_by
    assert len(job.query(listed)) < len(buyers)
    run("--select", *tables)
    assert (job.query(runs), job.query(listed)) == (scored_by, buyers)

    run("--select", *tables, as_of=str(AS_OF - timedelta(days=1)))
    assert job.query(runs) != scored_by
    assert job.query("select distinct as_of_date from gold.top_buyers") == [
        (AS_OF - timedelta(days=1),)
    ]
    run("--select", *tables)
    again = job.query(runs)
    assert again != scored_by
    assert job.query(listed) == buyers
    run("--full-refresh", "--select", *tables)
    assert job.query(runs) != again
    assert job.query(listed) == buyers


def test_later_events_change_no_feature_and_no_score(
    job: Installation, shop: Path, tmp_path: Path
) -> None:
    """The job saw 30 days of events after as_of; an installation that never got them gives the same."""
    known = tmp_path / "known"
    known.mkdir()
    for file in sorted(shop.glob("events-*.csv")):
        if date.fromisoformat(file.stem.removeprefix("events-")) < AS_OF:
            shutil.copy2(file, known)
    # late lines of earlier days come with later files: they are known to the job as well
    late = [
        line
        for file in sorted(shop.glob("events-*.csv"))
        if date.fromisoformat(file.stem.removeprefix("events-")) >= AS_OF
        for line in file.read_text().splitlines()
        if line[:10] < str(AS_OF)
    ]
    header = next(shop.glob("events-*.csv")).read_text().splitlines()[0]
    (known / "late.csv").write_text("\n".join([header, *late, ""]))

    fresh = Installation(tmp_path / "state", registry_of=job)
    finished = fresh.build_models(variables={"events_path": str(known), "as_of": str(AS_OF)})
    assert finished.succeeded, finished.output
    assert fresh.query("select max(event_date) from silver.events")[0][0] < AS_OF
    assert job.query("select max(event_date) from silver.events")[0][0] > AS_OF
    for columns, table in (("*", "silver.user_features"), (SCORES, "gold.predictions")):
        query = f"select {columns} from {table} order by user_id"
        assert fresh.query(query) == job.query(query)


def test_the_report_tells_of_the_job(job: Installation) -> None:
    finished = job.run("likely-buyers", "report")
    assert finished.succeeded, finished.output
    page = Path(finished.output.splitlines()[-1]).read_text("utf-8")
    ((users, as_of, run_id),) = job.query(
        "select count(*), min(as_of_date), min(run_id) from gold.predictions"
    )
    ((likeliest, reason),) = job.query(
        "select user_id, reason from gold.top_buyer_reasons"
        " where user_id = (select user_id from gold.top_buyers where rank = 1) and reason_rank = 1"
    )
    ((auc,),) = job.query(
        "select cast(metrics ->> 'roc_auc' as double) from training.model_versions"
    )
    ((rejected, quarantined),) = job.query(
        "select (select count(*) from bronze.rejected_lines), (select count(*) from silver.quarantined_events)"
    )
    for text in (f"{users:,} users, scored as of", str(as_of), run_id, likeliest, reason):
        assert text in page
    # the first horizon ends after the last event
    assert "held-out evaluation of the training" in page
    assert f"<strong>{auc:.3f}</strong>" in page
    for count in (rejected, quarantined):
        assert f"<td>{count:,}</td><td>{count:,}</td>" in page
    assert "These are the first scores" in page
    assert "No campaign has been listed." in page


def test_an_empty_list_is_said(job: Installation, shop: Path) -> None:
    variables = {"events_path": str(shop), "as_of": str(AS_OF), "min_probability": 0.9999}
    finished = job.built("--select", "top_buyers", variables=variables)
    assert "gold.top_buyers is empty" in finished.output
    assert "came close" in finished.output
    assert job.query("select count(*) from gold.top_buyers") == [(0,)]
    job.built("--select", "top_buyers", variables=variables | {"min_probability": None})


def test_descriptions_are_in_the_database_and_in_the_docs(job: Installation, shop: Path) -> None:
    """Tables, incremental and Python models alike; raw_events keeps a source's columns, which nobody described."""
    described = job.query(
        "select schema_name || '.' || table_name, count(*) - count(comment) from duckdb_columns()"
        " where database_name = 'likely_buyers' and schema_name in ('bronze', 'silver', 'gold') group by all"
    )
    mute = {table for table, missing in described if missing}
    log_tables = {
        f"bronze.{name}"
        for name in (
            *("table_states", "builds"),
            *("file_register", "unreadable_lines"),
        )
    }
    # of a view a DuckLake takes the description of the whole, and none of a column
    views = {
        "bronze.loaded_files",
        "bronze.rejected_lines",
        "silver.events",
        "silver.quarantined_events",
        "gold.current_scores",
        "gold.top_buyers_v1",
        "gold.user_scores",
    }
    assert mute == {"bronze.raw_events"} | log_tables | views
    assert views == {
        view
        for (view,) in job.query(
            "select schema_name || '.' || view_name from duckdb_views()"
            " where database_name = 'likely_buyers' and comment like 'One row per %'"
        )
    }
    ((comment,),) = job.query(
        "select comment from duckdb_tables() where database_name = 'likely_buyers'"
        " and schema_name || '.' || table_name = 'gold.predictions'"
    )
    assert comment.startswith("One row per user")

    variables = {"events_path": str(shop), "as_of": str(AS_OF)}
    generated = job.run("dbt", "--warn-error", "docs", "generate", variables=variables)
    assert generated.succeeded, generated.output
    catalog = json.loads((job.state / "target" / "catalog.json").read_text())
    assert not catalog["errors"]
    tables = {table for table, _ in described} - log_tables
    documented = {
        f"{node['metadata']['schema']}.{node['metadata']['name']}"
        for node in catalog["nodes"].values()
    }
    assert tables <= documented


def test_promote_rollback_and_models(job: Installation) -> None:
    listed = job.run("likely-buyers", "models")
    assert listed.succeeded
    assert "champion" in listed.output
    again = job.run("likely-buyers", "promote", "latest")
    assert not again.succeeded
    assert "champion already" in again.output
    unknown = job.run("likely-buyers", "promote", "99")
    assert not unknown.succeeded
    assert "99" in unknown.output
    alone = job.run("likely-buyers", "rollback")
    assert not alone.succeeded
    assert "no champion before" in alone.output
    assert "Traceback" not in again.output + unknown.output + alone.output


def two_days(shop: Path, tmp_path: Path) -> Path:
    """A folder with the shop's first two days."""
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted(shop.glob("events-*.csv"))[:2]:
        shutil.copy2(file, few)
    return few


def test_without_a_champion_the_build_says_train_one(shop: Path, tmp_path: Path) -> None:
    few = two_days(shop, tmp_path)
    installation = Installation(tmp_path / "state")
    finished = installation.dbt("build", variables={"events_path": str(few)})
    assert not finished.succeeded
    assert "no champion yet" in finished.output
    assert "likely-buyers train" in finished.output
    assert installation.query("select count(*) > 0 from silver.user_features") == [(True,)]


def test_too_short_a_history_cannot_train(shop: Path, tmp_path: Path) -> None:
    few = two_days(shop, tmp_path)
    installation = Installation(tmp_path / "state")
    finished = installation.run("likely-buyers", "train", variables={"events_path": str(few)})
    assert not finished.succeeded
    assert "history is too short to train the outcome 'purchase_30d'" in finished.output
    assert "horizon_days" in finished.output


def test_a_rollback_restores_the_earlier_scores_to_the_bit(job: Installation, shop: Path) -> None:
    variables = {"events_path": str(shop), "as_of": str(AS_OF)}
    scores = f"select {SCORES} from gold.predictions order by all"
    before = job.query(scores)
    trained = job.run("likely-buyers", "train", variables=variables | {"training_cutoffs": 3})
    assert trained.succeeded, trained.output
    promoted = job.run("likely-buyers", "promote", "2", "--force", "--reason", "a drill")
    assert promoted.succeeded, promoted.output
    assert "what changes for" in promoted.output
    assert job.build_models(variables=variables).succeeded
    assert job.query("select distinct model_version from gold.predictions") == [(2,)]
    assert job.query(scores) != before

    assert job.run("likely-buyers", "rollback").succeeded
    assert job.build_models(variables=variables).succeeded
    assert job.query(scores) == before
    by_version = "select model_version, count(*) from gold.prediction_history group by 1 order by 1"
    assert job.query(by_version) == [(1, len(before)), (2, len(before))]
