import { CommandError, describeError, EXIT, isRefusal, networkReason } from './errors.ts'
import type { Output } from './output.ts'

/** Runs for each name, whether or not one before it failed. What would stop every name ends the command at once. */
export async function forEachName(
  output: Output,
  names: readonly string[],
  run: (name: string) => Promise<void>,
): Promise<void> {
  const codes = new Set<number>()
  for (const name of names) {
    try {
      await run(name)
    } catch (error) {
      if (names.length === 1 || isRefusal(error) || networkReason(error) !== undefined) throw error
      const { code, lines, document } = describeError(error)
      output.error([`${name}: ${lines[0]}`, ...lines.slice(1)], { ...document, name, exit_code: code })
      codes.add(code)
    }
  }
  const [code, ...others] = codes
  if (code !== undefined) throw new CommandError(others.length > 0 ? EXIT.failed : code)
}
