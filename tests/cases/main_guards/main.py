import pk.tool
from pk.tool import main

if __name__ == "__main__":
    print(main(["a"]), pk.tool.__name__)
