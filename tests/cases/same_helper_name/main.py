from pk.mel import features as mel_features
from pk.wave import features as wave_features

print(mel_features([1.0, 2.0]), wave_features([1.0, 2.0]))
