package bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this process has used so far, as the kernel counts it; bench/src/kafka/usage.rs reads the same. */
final class Usage {
    /** The kernel counts CPU time in hundredths of a second. */
    private static final long TICK_US = 10_000;

    private Usage() {
    }

    /** An event line of the bench: JSON with CPU time, peak of resident memory and bytes sent to the disk. */
    static String event(String name, long processed) throws IOException {
        String stat = Files.readString(Path.of("/proc/self/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        long cpuUs = (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * TICK_US;
        return String.format(
            "{\"event\":\"%s\",\"unix_us\":%d,\"processed\":%d,\"cpu_us\":%d,\"rss_peak_kib\":%d,\"disk_write_bytes\":%d}",
            name, System.currentTimeMillis() * 1000, processed, cpuUs, number("/proc/self/status", "VmHWM:"),
            number("/proc/self/io", "write_bytes:"));
    }

    private static long number(String file, String label) throws IOException {
        for (String line : Files.readAllLines(Path.of(file))) {
            if (line.startsWith(label)) {
                return Long.parseLong(line.substring(label.length()).trim().split(" ")[0]);
            }
        }
        throw new IOException(file + " has no line " + label);
    }
}
