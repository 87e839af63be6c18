/* A schedule in words: the common cron lines; any other is shown as it is. */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const NAMED: Record<string, string> = {
  "@hourly": "every hour",
  "@daily": "every day at 00:00",
  "@midnight": "every day at 00:00",
  "@weekly": "every Sunday at 00:00",
  "@monthly": "on day 1 of each month at 00:00",
  "@yearly": "every 1 January at 00:00",
  "@annually": "every 1 January at 00:00",
};

function clock(hour: string, minute: string): string {
  return `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}

function every(step: string | undefined, unit: string): string {
  return step === undefined || step === "1" ? `every ${unit}` : `every ${step} ${unit}s`;
}

/* undefined: it has no words here. */
function lineWords(line: string): string | undefined {
  const [minute = "", hour = "", day, month, weekday = "", ...more] = line.trim().split(/\s+/);
  const isNumber = (field: string) => /^\d+$/.test(field);
  if (line.trim() in NAMED) {
    return NAMED[line.trim()];
  }
  if (more.length > 0 || month !== "*") {
    return undefined;
  }
  const step = /^\*(?:\/(\d+))?$/;
  const always = day === "*" && weekday === "*";
  if (always && hour === "*" && step.test(minute)) {
    return every(step.exec(minute)?.[1], "minute");
  }
  if (always && isNumber(minute) && step.test(hour)) {
    const words = every(step.exec(hour)?.[1], "hour");
    return minute === "0" ? words : `${words} at minute ${minute}`;
  }
  if (!isNumber(minute) || !isNumber(hour)) {
    return undefined;
  }
  const at = `at ${clock(hour, minute)}`;
  if (always) {
    return `every day ${at}`;
  }
  if (day === "*" && weekday === "1-5") {
    return `Monday to Friday ${at}`;
  }
  if (day === "*" && /^[0-7]$/.test(weekday)) {
    return `every ${DAYS[Number(weekday) % 7]} ${at}`;
  }
  return weekday === "*" && day !== undefined && isNumber(day)
    ? `on day ${day} of each month ${at}`
    : undefined;
}

export function scheduleWords(lines: string[], zone: string | null): string {
  const words = lines.map((line) => lineWords(line) ?? line).join(", ");
  return zone === null || zone === "UTC" ? `${words} UTC` : `${words} ${zone}`;
}
