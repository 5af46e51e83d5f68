import { describe, expect, it } from 'vitest'
import { markdownFiles, readMarkdown } from '../../scripts/docs/markdown.ts'
import { REFERENCE } from '../../scripts/reference/pages.ts'
import { backendSettings, describedDefaults, variableSettings } from '../../scripts/reference/settings.ts'

it.each(Object.entries(REFERENCE))(
  'docs/%s follows from the code (otherwise: npm run docs:reference)',
  async (page, content) => {
    expect(readMarkdown(`docs/${page}`)).toBe(await content())
  },
)

describe('every setting', () => {
  const written = markdownFiles()
    .filter((path) => path.startsWith('docs/') && path !== 'docs/settings.md')
    .map(readMarkdown)
    .join('\n')

  it('is explained in a page that is not generated', () => {
    const names = [...variableSettings(), ...backendSettings()].map(({ name }) => name)
    expect(names.filter((name) => !new RegExp(`\`${name}\\b`).test(written))).toEqual([])
  })

  it('has the default that docs/configuration.md says', () => {
    const described = describedDefaults(readMarkdown('docs/configuration.md'))
    const settings = [
      ...variableSettings().map((setting) => ({ ...setting, sections: ['Variables'] })),
      ...backendSettings().map(({ types, ...setting }) => ({ ...setting, sections: types })),
    ]
    const differ = settings.flatMap(({ name, sections, ...setting }) =>
      sections
        .map((section) => described.get(`${section}.${name}`))
        .filter((text) => text !== undefined && text !== '' && !sameDefault(text, setting.default))
        .map((text) => `${name}: ${text}, not ${setting.default}`),
    )
    expect(differ).toEqual([])
  })

  it('of every backend has that default, too', () => {
    const described = describedDefaults(readMarkdown('docs/configuration.md'))
    const shared = backendSettings().filter(({ types }) => types.length === 4)
    expect(shared.length).toBeGreaterThan(5)
    for (const { name, default: value } of shared) {
      const text = described.get(`Keys of every backend.${name}`)
      if (text !== undefined) expect([name, sameDefault(text, value), text]).toEqual([name, true, text])
    }
  })
})

/** The page may leave out the quotes, and add what the value means. */
function sameDefault(text: string, value: string): boolean {
  const bare = (words: string): string => words.replaceAll(/["` ]/g, '')
  return bare(text).startsWith(bare(value))
}
