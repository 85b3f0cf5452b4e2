"""The front end: from 5 s of audio to a mel spectrogram, the same in training and submission."""

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.normalisation import Normalisation


@dataclass(frozen=True)
class FrontEnd:
    """The parameters of a front end. Models that share them share their mel spectrograms.

    Frequencies in Hz, lengths in samples but for ``window_seconds``. Models of the time before there was a choice of
    ``normalisation`` have "window".
    """

    sample_rate: int
    window_seconds: float
    n_fft: int
    hop_length: int
    n_mels: int
    f_min: float
    f_max: float
    normalisation: Normalisation = Normalisation()

    def __post_init__(self) -> None:
        checks = {
            "sample_rate": 8000 <= self.sample_rate <= 192000,
            "window_seconds": 0.5 <= self.window_seconds <= 60,
            "n_fft": 64 <= self.n_fft <= 16384,
            "hop_length": 16 <= self.hop_length <= self.n_fft,
            "n_mels": 8 <= self.n_mels <= 1024,
            "f_min": 0 <= self.f_min < self.f_max,
            "f_max": self.f_max <= self.sample_rate / 2,
        }
        for name, fits in checks.items():
            if not fits:
                raise BirdlibError(
                    f"front end: {name} = {getattr(self, name)} is out of range "
                    f"(sample_rate {self.sample_rate}, n_fft {self.n_fft}, f_min {self.f_min}, f_max {self.f_max})"
                )

    @property
    def samples(self) -> int:
        """Samples of one window."""
        return round(self.sample_rate * self.window_seconds)

    @property
    def frames(self) -> int:
        """Frames T of one window's mel spectrogram."""
        return 1 + self.samples // self.hop_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one window as a model takes it: [1, n_mels, frames]."""
        return (1, self.n_mels, self.frames)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "FrontEnd":
        """Of plain values, as a recipe's settings, a checkpoint or a manifest has them.

        Raises:
            BirdlibError: a parameter is missing, unknown or not a number.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) | {"normalisation"} != names:
            raise BirdlibError(f"front end: expected the parameters {sorted(names)}, got {sorted(values)}")
        numbers = dict(values)
        normalisation = Normalisation.of(numbers.pop("normalisation", {}))
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise BirdlibError(f"front end: {name} = {value!r} is not a number")
            if name in ("sample_rate", "n_fft", "hop_length", "n_mels") and not isinstance(value, int):
                raise BirdlibError(f"front end: {name} = {value!r} is not a whole number")
        return cls(**numbers, normalisation=normalisation)


class MelSpectrogram(torch.nn.Module):
    """Power mel spectrogram in decibels of full scale, normalised.

    Window: Hann. Frames are centred and the ends are padded with zeros, mel bands are Slaney's, as librosa has
    them: edge frames differ by many decibels under other paddings. Decibels are at least -100. All of it in float32,
    also under autocast.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.front_end = front_end
        self.register_buffer("window", torch.hann_window(front_end.n_fft), persistent=False)
        # A band covers a few bins of the spectrum: multiplied in groups of neighbours, most zeros are left out.
        self._bins: list[tuple[int, int]] = []
        for number, group in enumerate(torch.from_numpy(mel_bands(front_end)).split(16)):
            covered = group.any(0).nonzero().flatten().tolist() or [0]
            self._bins.append((covered[0], covered[-1] + 1))
            self.register_buffer(f"bands{number}", group[:, slice(*self._bins[-1])].contiguous(), persistent=False)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, samples] to float32 [batch, 1, n_mels, frames]."""
        with torch.autocast(wave.device.type, enabled=False):
            wave = wave.float()
            spectrum = torch.stft(
                wave,
                self.front_end.n_fft,
                self.front_end.hop_length,
                window=self.window,
                center=True,
                pad_mode="constant",
                return_complex=True,
            )
            # Squared side by side in memory and in place: a fifth of the front end's time, and the same bits.
            squares = torch.view_as_real(spectrum).square_()
            power = squares[..., 0] + squares[..., 1]
            groups = (
                torch.matmul(getattr(self, f"bands{number}"), power[:, low:high])
                for number, (low, high) in enumerate(self._bins)
            )
            mel = torch.cat(list(groups), dim=1)
            decibels = mel.clamp_(min=1e-10).log10_().mul_(10.0)
            return self.front_end.normalisation(decibels).unsqueeze(1)


def mel_bands(front_end: FrontEnd) -> np.ndarray:
    """Triangular filters on Slaney's mel scale, each of unit area (as ``librosa.filters.mel``).

    Returns:
        float32 [n_mels, n_fft // 2 + 1]
    """
    edges = _mel_to_hz(np.linspace(_hz_to_mel(front_end.f_min), _hz_to_mel(front_end.f_max), front_end.n_mels + 2))
    bins = np.linspace(0.0, front_end.sample_rate / 2, front_end.n_fft // 2 + 1)
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    bands = np.maximum(0.0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    bands *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return bands.astype(np.float32)


# Slaney's scale is linear below 1000 Hz and logarithmic above.
_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = math.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return _BREAK_HZ / _HZ_PER_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    break_mel = _BREAK_HZ / _HZ_PER_MEL
    linear = mel * _HZ_PER_MEL
    return np.where(mel < break_mel, linear, _BREAK_HZ * np.exp(_LOG_STEP * (mel - break_mel)))
