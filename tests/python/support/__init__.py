"""What tests share, and what to use when.

Where a test belongs: `unit/<room>` if it needs neither dbt nor a command (these are what `make check` runs, in seconds;
one that takes seconds alone, or a process of its own, is marked `slow` and left to `make test`), `dbt` if it builds
models, `system` if it is about commands, other programs, or the whole job.

- `installation.Installation`: a state folder and the commands that work on it. `run`, `dbt` and `built` fork off from a
  process that has everything imported and the project parsed: a command costs what it does itself, a build of a few
  models a second. `build_models` leaves out the tests of the data, for whoever tests something else. Each takes
  `variables`; `run`, `started` and `build_models` also take `first`, Python that the command's process runs before it:
  to kill it at an event, or to change a file between two steps. No command sees what a test patches in its own process.
- `Installation.typed`: the console script itself, at five to ten seconds of a processor. For what only it can show.
- The fixture `shop_with_champion` (`trained_shop.TrainedShop`): a demo shop, trained and scored once for all tests of a
  run. `copied` gives a state that may be changed, `with_its_champion` an empty one with the same registry.
- `champions.make_champion`: a model that scores, where it does not matter which.
- `delivered_shop.DeliveredShop`: few lines in files of one's own, delivered one after the other up to the features.
- `sail.Sail`: a Spark Connect server without Java. SQL that macros make for Spark takes milliseconds on it. It has no
  tables with row tracking, so builds are tried on `spark.SparkCluster`, which takes minutes.
- `load_harness.LoadHarness`: the loading of files without dbt, in milliseconds, for properties of hundreds of files.
- `examples.a_shop`: training examples of a made-up shop, for training and evaluation without a warehouse.
- `published_gold`: a small gold, and servers that it is published to.
- `tries.tries`: how often a property is tried, fewer times in `make check`.

No test may depend on how fast the machine is: wait for events (a line, a file, the end of a process), kill at events.
"""
