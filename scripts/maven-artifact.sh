#!/usr/bin/env bash
# Fetches one artifact from Maven Central, without its dependencies:
# maven-artifact.sh GROUP:ARTIFACT:VERSION:TYPE:CLASSIFIER DIRECTORY
#
# The parents of a POM may name repositories that are out of reach, and Maven reads them for the artifact alone, too. So it
# is given a POM without parents, in a repository of its own.
set -euo pipefail
artifact=${1:?usage: maven-artifact.sh GROUP:ARTIFACT:VERSION:TYPE:CLASSIFIER DIRECTORY}
directory=${2:?usage: maven-artifact.sh GROUP:ARTIFACT:VERSION:TYPE:CLASSIFIER DIRECTORY}
IFS=: read -r group name version _ <<<"$artifact"

repository=$(mktemp -d "$directory/m2.XXXXXX")
trap 'rm -rf "$repository"' EXIT
home=$repository/${group//.//}/$name/$version
mkdir -p "$home"
cat >"$home/$name-$version.pom" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>$group</groupId>
  <artifactId>$name</artifactId>
  <version>$version</version>
</project>
END
if ! mvn -q -B -Dmaven.repo.local="$repository" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
  -Dartifact="$artifact" -DoutputDirectory="$directory" >&2; then
  echo "maven-artifact: $artifact could not be fetched; Maven's message is above" >&2
  exit 1
fi
