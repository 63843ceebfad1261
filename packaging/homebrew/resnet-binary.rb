# UNTRIED: this was never run on macOS or with Homebrew. Its pytorch must be 2.11.
class ResnetBinary < Formula
  desc "Folder of photos in, trustworthy binary classifier out"
  # Of the forge that the releases are on, when there is one.
  homepage "https://example.org/resnet-binary"
  url "https://example.org/resnet-binary/archive/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build
  depends_on "pytorch"

  def install
    ENV["LIBTORCH"] = Formula["pytorch"].opt_prefix
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"resnet-binary", "completions", shells: [:bash, :zsh, :fish])
    system bin/"resnet-binary", "man", man1
  end

  test do
    system bin/"resnet-binary", "doctor", "--device", "cpu"
  end
end
