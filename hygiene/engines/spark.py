"""Spark as the engine: on the session that is active, otherwise on one of our own in this process.

Tables pass between DuckDB and Spark as Parquet files, in a folder that executors of a cluster must see, too.
A session of our own listens on this machine alone.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.engines.engine import DuckEngine, Frame
from hygiene.errors import UnwritableOutput, UsageError
from hygiene.suppression_forms import Form, hmac_pads

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

_LOOPBACK: Final = "127.0.0.1"
_SETTINGS: Final = {
    "spark.app.name": "hygiene",
    "spark.driver.host": _LOOPBACK,
    "spark.driver.bindAddress": _LOOPBACK,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "8",
}
#: folders that Spark finds by their name: * ? [ ] { } are patterns to it, and Java may know ASCII alone
_PLAIN: Final = re.compile(r"[\w/.~+@ -]+", re.ASCII)


class SparkEngine:
    """Spark, with what it keeps in Parquet files below the folder."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        inside = folder if _PLAIN.fullmatch(str(folder.resolve())) else None
        self._folder = Path(tempfile.mkdtemp(prefix="spark-", dir=inside)).resolve()
        self._own: SparkSession | None = None
        try:
            self._session = _find_session() or self._start(threads)
        except BaseException:
            self.close()
            raise

    def load(self, name: str, table: pa.Table) -> Frame:
        """See Engine."""
        from pyarrow import parquet

        place = self._place(name)
        place.mkdir()
        parquet.write_table(table, place / "part.parquet")
        return self._read(name)

    def settle(self, name: str, frame: Frame) -> Frame:
        """See Engine."""
        with _in_one_sentence():
            frame.to_native().write.parquet(f"file:{self._place(name)}")
        return self._read(name)

    def drop(self, *names: str) -> None:
        """See Engine."""
        for name in names:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def collect(self, frame: Frame) -> pa.Table:
        """See Engine."""
        with _in_one_sentence():
            table: pa.Table = frame.to_native().toArrow()
        return table

    def hashed(self, frame: Frame, column: str, form: Form, key: bytes | None) -> Frame:
        """See Engine. The key is joined as a table, so that no plan that Spark shows or logs holds it."""
        from pyspark.sql import functions as spark

        rows, text = frame.to_native(), spark.col(column).cast("binary")
        if form is not Form.HMAC:
            return _frame(rows.withColumn("hash", _plain_hash(text, form)))
        pads = self._session.createDataFrame(
            [tuple(map(bytearray, hmac_pads(key)))], "inner_pad binary, outer_pad binary"
        )
        inner = spark.unhex(spark.sha2(spark.concat("inner_pad", text), 256))
        whole = spark.sha2(spark.concat("outer_pad", inner), 256)
        hashed = rows.crossJoin(spark.broadcast(pads)).withColumn("hash", whole)
        return _frame(hashed.drop("inner_pad", "outer_pad"))

    def numbered(self, frame: Frame, text: str, name: str, *, exactly: bool) -> Frame:
        """See Engine: texts are as good as numbers here, and tell themselves apart."""
        del exactly
        return frame.with_columns(nw.col(text).alias(name))

    def adopt(self, name: str, reading: DuckEngine) -> Frame:
        """See Engine."""
        place = self._place(name)
        place.mkdir()
        reading.connection.execute(f"copy {name} to {_quoted(place / 'part.parquet')} (format parquet)")
        return self._read(name)

    def hand_over(self, frames: Mapping[str, Frame], reading: DuckEngine) -> None:
        """See Engine; they must have been settled by these names."""
        for name in frames:
            files = _quoted(self._folder / name / "*.parquet")
            reading.connection.execute(f"create or replace table {name} as select * from read_parquet({files})")

    def close(self) -> None:
        """Remove the files, and stop the session if it is ours."""
        if self._own is not None:
            self._own.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, threads: int | None) -> SparkSession:
        self._own = _start_session(
            {
                **_SETTINGS,
                "spark.master": f"local[{threads or '*'}]",
                "spark.local.dir": str(self._folder / "spill"),
                "spark.sql.warehouse.dir": str(self._folder / "warehouse"),
            }
        )
        return self._own

    def _place(self, name: str) -> Path:
        """A folder for a table, in place of an older one of that name."""
        self.drop(name)
        return self._folder / name

    def _read(self, name: str) -> Frame:
        with _in_one_sentence():
            rows = self._session.read.parquet(f"file:{self._folder / name}")
        return _frame(rows)


def _frame(native: DataFrame) -> Frame:
    return nw.from_native(native)


def _find_session() -> SparkSession | None:
    """The session that the caller has opened; raises UsageError without PySpark or over Spark Connect."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
        from pyspark.sql.utils import is_remote
    except ImportError:
        raise UsageError("the engine spark needs PySpark: pip install 'hygiene[spark]'") from None
    if is_remote():
        raise UsageError("the engine spark cannot work over Spark Connect: its server does not see our files")
    try:
        return SparkSession.active()
    except PySparkRuntimeError:  # there is none
        return None


def _start_session(settings: Mapping[str, str]) -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    gateway = None if SparkContext._gateway else _start_java()  # Java outlives a session that was stopped
    with _in_one_sentence():
        context = SparkContext(conf=SparkConf().setAll(list(settings.items())), gateway=gateway)
        return SparkSession(context)


def _start_java() -> Any:
    """Java, silent; all settings are the session's, so that nothing of ours is left for a later one."""
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=f"{home}/bin" if home else None):
        raise UsageError("the engine spark needs Java 17 or later, and there is no java in PATH or JAVA_HOME")
    with tempfile.TemporaryFile() as said, _address_for_java():
        try:
            gateway: Any = launch_gateway(popen_kwargs={"stdout": said, "stderr": said})  # type: ignore[no-untyped-call]
        except PySparkRuntimeError:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").split("\n")
            raise UsageError(
                f"the engine spark could not start Java, of which it needs 17 or later: {_sentence(lines)}"
            ) from None
    spark = gateway.jvm.org.apache.spark
    spark.util.Utils.getLocalDir(spark.SparkConf())  # Java keeps the first it hears of: not one that we remove
    return gateway


@contextmanager
def _address_for_java() -> Iterator[None]:
    """Tell Java our address, or it asks DNS for the name of this machine."""
    name = "SPARK_LOCAL_IP"
    given = os.environ.get(name)
    os.environ[name] = given or _LOOPBACK
    try:
        yield
    finally:
        if given is None:
            del os.environ[name]


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    """What Spark reports in pages, as a HygieneError of one sentence."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        lines = str(error).split("\n")
        causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
        raise UnwritableOutput(f"Spark could not finish: {_sentence(causes[-1:] or lines)}") from None


def _sentence(lines: list[str]) -> str:
    told = [line.strip() for line in lines if line.strip()]
    return told[0][:200] if told else "it gave no reason"


def _plain_hash(text: Column, form: Form) -> Column:
    from pyspark.sql import functions as spark

    return spark.md5(text) if form is Form.MD5 else spark.sha2(text, 256)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
