-- A release: its version stands in one place, and its rockspecs follow from the tree.

local rockspec = require "spec.support.rockspec"
local shell = require "spec.support.shell"

-- A rockspec's globals.
local function loaded(path)
  local globals = {}
  -- under LuaJIT, too, load takes the mode and the globals
  assert(load(shell.read(path), "@" .. path, "t", globals))()
  return globals
end

describe("a release", function()
  local version = rockspec.version()

  it("has rockspecs that follow from those of the tree", function()
    local releases = rockspec.releases()
    assert.equal(2, #releases)
    for _, release in ipairs(releases) do
      assert.equal(release.text, shell.read(release.path),
        release.path .. " is not what the tree gives: run `make rockspec`")
    end
  end)

  it("has rockspecs that say where it is from and who answers for it", function()
    for _, release in ipairs(rockspec.releases()) do
      local spec = loaded(release.path)
      assert.equal(version .. "-1", spec.version)
      assert.equal("v" .. version, spec.source.tag)
      assert.is_nil(spec.source.branch)
      for _, field in ipairs { "homepage", "issues_url", "maintainer", "license", "summary" } do
        assert.matches("%S", spec.description[field], field)
      end
      assert.equal("lua >= 5.1, < 5.6", spec.dependencies[1])
    end
  end)

  it("is the newest in the changelog", function()
    assert.equal(version, shell.read("CHANGELOG.md"):match "\n## (%d+%.%d+%.%d+)[ ,\n]")
  end)

  it("is the version that the library tells", function()
    assert.equal(version, require("commerce")._VERSION)
    assert.equal(version, require("commerce.core").versions().commerce)
  end)

  it("has its version written in one place", function()
    local _, output = shell.run("grep -rlF '\"" .. version .. "\"' csrc lua examples Makefile")
    assert.equal("csrc/bind/version.h\n", output)
  end)
end)
