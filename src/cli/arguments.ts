import { InvalidArgumentError } from 'commander'

/** An option's value as a whole number of at least 1. */
export function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value))
    throw new InvalidArgumentError('It must be a whole number of at least 1.')
  return Number(value)
}

/** The values of an option that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
