/** A directive, whose quoted value can contain commas. */
const DIRECTIVES = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g
const SHARED = /^(?:public|private|s-maxage|proxy-revalidate)(?:$|\s*=)/i

/** The same Cache-Control for a client's own cache only. A value that allows no more than that stays as it is. */
export function privateCacheControl(value: string): string {
  const directives = (value.match(DIRECTIVES) ?? []).map((directive) => directive.trim()).filter(Boolean)
  if (directives.some((directive) => /^no-store$/i.test(directive))) return value
  const own = directives.filter((directive) => !SHARED.test(directive))
  return ['private', ...own].join(', ')
}
