"""What clients are told of engines: in the status, in events, in words."""

import asyncio
from pathlib import Path

from control import ask, fake, run, served
from networks import NETWORKS
from statuses import status

from visard.daemon.api.engines import BuildingInfo, CandidateInfo, EngineInfo
from visard.daemon.cli.status import overview
from visard.daemon.diagnostics import engine_checks, engine_report
from visard.daemon.diagnostics.findings import FindingState
from visard.daemon.server.events import differences
from visard.daemon.service.service import snapshot
from visard.engines import CandidateState as States
from visard.engines import CandidateStatus, EngineStatus, Precision, Progress, load
from visard.models.assets import asset

FAST = CandidateInfo(
    backend="tensorrt", device="cuda:0", precision="fp16", state="wrong", reason="4 dB", psnr=4, cosine=0.1
)
SLOW = CandidateInfo(backend="onnxruntime", device="cpu", precision="fp32", state="serving")
SPARE = CandidateInfo(backend="openvino", device="cpu", precision="fp32", state="refused", reason="below")


def engine(*candidates: CandidateInfo, model: str = "landmarks", done: float | None = None) -> EngineInfo:
    building = None if done is None else BuildingInfo(step="layers", done=done, left=42.0)
    return EngineInfo(
        model=model,
        backend="onnxruntime",
        device="cpu",
        precision="fp32",
        candidates=candidates or (SLOW,),
        building=building,
    )


def test_only_what_is_better_and_failed_is_a_demotion() -> None:
    untried = FAST.model_copy(update={"state": "building"})
    assert engine(SLOW, SPARE).failed() == ()
    assert engine(untried, SLOW).failed() == ()
    assert engine(FAST, SLOW, SPARE).failed() == (FAST,)
    nothing = (FAST, SPARE)
    assert engine(*nothing).failed() == nothing


def test_a_demotion_is_a_problem_that_does_not_block_and_says_why() -> None:
    (problem,) = snapshot.demotions([engine(FAST, SLOW), engine(SLOW)])
    assert (problem.code, problem.blocking, problem.fix) == ("engine-demoted", False, "visard engines check")
    for word in ("landmarks", "onnxruntime cpu fp32", "tensorrt cuda:0 fp16", "4 dB"):
        assert word in problem.message
    gone = FAST.model_copy(update={"state": "lost", "reason": "the GPU fell off the bus"})
    (problem,) = snapshot.demotions([engine(gone, SLOW)])
    assert (problem.code, problem.blocking) == ("device-lost", False)
    assert "fell off the bus" in problem.message


def test_what_could_not_be_kept_is_told_once() -> None:
    full = engine().model_copy(update={"warnings": ("the disk is full",)})
    assert [p.message for p in snapshot.demotions([full, full])] == ["the disk is full"]


def test_compiling_is_a_job_with_a_number_of_its_own() -> None:
    first, second = engine(done=0.2), engine(model="detector", done=0.5)
    jobs = snapshot.compiling([first, engine(model="idle"), second])
    assert [(job.title, job.progress) for job in jobs] == [
        ("compiling landmarks", 0.2),
        ("compiling detector", 0.5),
    ]
    assert all(job.id < 0 for job in jobs)
    assert len({job.id for job in jobs}) == 2
    later = first.model_copy(update={"building": BuildingInfo(step="tuning", done=0.4)})
    assert snapshot.compiling([later])[0].id == jobs[0].id


def test_a_network_at_work_is_listed_once_and_no_longer_than_it_lives(home: Path) -> None:
    loaded = [load(asset("mp_face_blendshapes_52.onnx"), backend="onnxruntime") for _ in range(2)]
    here = [each for each in engine_report.serving() if each.model == "mp_face_blendshapes_52"]
    ours = [each for each in here if each.backend == "onnxruntime"]
    assert len(ours) == 1
    assert (ours[0].device, ours[0].precision) == (loaded[0].device, loaded[0].precision)
    assert any(each.state == "serving" for each in ours[0].candidates)


def test_numbers_that_json_lacks_are_left_out() -> None:
    one = CandidateStatus("openvino", "cpu", Precision.fp32, States.serving, psnr=float("inf"), cosine=1.0)
    live = EngineStatus("net.onnx", "openvino", "cpu", Precision.fp32, (one,), Progress("tuning", 0.3, 8.0))
    told_of = engine_report._engine(live)
    assert (told_of.model, told_of.candidates[0].psnr, told_of.candidates[0].cosine) == ("net", None, 1.0)
    assert told_of.building == BuildingInfo(step="tuning", done=0.3, left=8.0)
    assert EngineInfo.model_validate_json(told_of.model_dump_json()) == told_of


def test_progress_is_told_as_progress_and_a_change_over_as_a_status() -> None:
    jobs = [snapshot.compiling([engine(done=share)]) for share in (0.2, 0.4)]
    before = status(engines=(engine(done=0.2),), jobs=jobs[0])
    going = status(engines=(engine(done=0.4),), jobs=jobs[1])
    assert [each.event for each in differences(before, going, numbers=False)] == ["progress"]
    better = engine().model_copy(update={"backend": "tensorrt"})
    assert [each.event for each in differences(going, status(engines=(better,)), numbers=False)] == ["status"]


def test_a_reader_of_events_hears_of_compiling_and_demotion(tmp_path: Path) -> None:
    service = fake(tmp_path)

    async def work() -> None:
        async with served(service) as (app, _):
            events = app.state.api.broadcaster.events()
            assert (await anext(events)).event == "status"
            service.work_with(engine(done=0.1))
            news = [await asyncio.wait_for(anext(events), 10) for _ in range(2)]
            assert {each.event for each in news} == {"progress", "status"}
            service.work_with(engine(FAST, SLOW))
            news = [await asyncio.wait_for(anext(events), 10) for _ in range(2)]
            assert {each.event for each in news} == {"alert", "status"}
            await events.aclose()

    run(work)


def test_the_route_tells_everything(tmp_path: Path) -> None:
    service = fake(tmp_path)
    service.work_with(engine(FAST, SLOW))
    body = ask(service, "GET", "/engines").json()
    assert [each["name"] for each in body["backends"]] == ["onnxruntime", "tensorrt"]
    assert body["serving"][0]["candidates"][0]["reason"] == "4 dB"
    assert ask(service, "GET", "/status").json()["engines"] == body["serving"]


def test_everything_here_is_true(home: Path, tmp_path: Path) -> None:
    load(NETWORKS["fomm_keypoints"](tmp_path / "small.onnx", 1 / 16), backend="onnxruntime")
    info = engine_report.everything()
    names = {each.name: each for each in info.backends}
    assert names["onnxruntime"].available
    assert names["onnxruntime"].precisions["cpu"] == ("fp32",)
    assert all(each.available or each.reason for each in info.backends)
    assert Path(info.folder) == home / "cache/engines"
    (kept,) = info.cached
    assert (kept.model, kept.verdict) == ("small.onnx", "usable")
    assert kept.bytes == info.bytes > 0


def test_a_backend_that_breaks_is_not_available() -> None:
    class Broken:
        name = "broken"

        def unavailable(self) -> None:
            raise OSError("no library")

    told_of = engine_report.backend(Broken())  # type: ignore[arg-type]
    assert (told_of.available, told_of.reason) == (False, "OSError: no library")


def test_status_says_it_in_a_line() -> None:
    lines = overview(status(engines=(engine(), engine(model="b", done=0.5)))).splitlines()
    (line,) = [line for line in lines if line.startswith("engines")]
    assert line == "engines   onnxruntime cpu fp32 (2 networks); 1 faster in the making, 42 s left"
    assert "engines" not in overview(status())


def test_doctor_says_what_was_demoted_and_why() -> None:
    fine, bad = (engine_checks.serving(engine(*candidates)) for candidates in ((SLOW,), (FAST, SLOW)))
    assert fine.state is FindingState.ok
    assert bad.state is FindingState.missing
    assert "tensorrt cuda:0 fp16 is wrong: 4 dB" in bad.detail
    assert bad.fix == "visard engines check"
