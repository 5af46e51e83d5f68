const LINE_BYTES = 64
const LINE = /^(\S+#\d+\/\d+) \d+ *\n$/

/** The id of a version: its name, its number, and how many lines it has. */
export function versionId(name: string, number: number, lines: number): string {
  return `${name}#${number}/${lines}`
}

/** Every line contains the name and the version, so that no part of one version can be mistaken for another's. */
export function bodyOf(version: string): Buffer<ArrayBuffer> {
  const lines = Number(version.slice(version.lastIndexOf('/') + 1))
  let text = ''
  for (let line = 0; line < lines; line++) text += `${`${version} ${line}`.padEnd(LINE_BYTES - 1)}\n`
  return Buffer.from(text, 'latin1')
}

/** The version with these bytes; `null` if there is none. */
export function versionOf(body: Buffer): string | null {
  const version = LINE.exec(body.subarray(0, LINE_BYTES).toString('latin1'))?.[1]
  return version !== undefined && bodyOf(version).equals(body) ? version : null
}

/** The first of the versions that these bytes are the part of that begins at `start`. */
export function versionOfPart(part: Buffer, start: number, versions: Iterable<string | null>): string | null {
  for (const version of versions)
    if (
      version !== null &&
      bodyOf(version)
        .subarray(start, start + part.length)
        .equals(part)
    )
      return version
  return null
}
