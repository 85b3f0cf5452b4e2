from abc import ABC, abstractmethod


class Model(ABC):
    kinds = []

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.kinds.append(cls.__name__)

    @abstractmethod
    def forward(self, x):
        return [x, len(self.kinds)]
