import { TABLES } from './tables.ts'

const TABLE = /(<!-- table: (\w+) -->)\n+(?:\|.*\n+)*/g

/** The page with each table below its comment. */
export function withTables(page: string): string {
  const filled = page.replaceAll(TABLE, (_, comment: string, name: string) => {
    const content = TABLES[name]
    if (!content) throw new Error(`there is no table ${name}`)
    return `${comment}\n\n${content()}\n\n`
  })
  return `${filled.trimEnd()}\n`
}
